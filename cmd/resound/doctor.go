package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"resound/channels/redisbroker"
	"resound/internal/config"
	"resound/internal/doctor"
	"resound/internal/node"
)

// examine prints the report of `resound doctor`, and ends the process with 1 when it is a bad one.
func examine(call *config.Invocation) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o := doctor.Options{
		Config: call.Config, Findings: call.Findings, Env: call.Doctor.Env,
		URL: call.Doctor.URL, Idle: call.Doctor.Idle, Descriptors: descriptors(),
	}
	if redis, err := node.BrokerOptions(call.Config); err == nil && call.Config.Scaling { // the findings say what is wrong
		o.Redis = func(ctx context.Context) (redisbroker.Condition, error) { return redisbroker.Check(ctx, redis) }
	}
	report := doctor.Run(ctx, o)
	show := report.Print
	if call.JSON {
		show = report.PrintJSON
	}
	if err := show(os.Stdout); err != nil {
		return err
	}
	if report.Count(doctor.Problem) > 0 || call.Doctor.Strict && report.Count(doctor.Warning) > 0 {
		os.Exit(1)
	}
	return nil
}
