package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"resound/internal/config"
	"resound/internal/doctor"
)

// examine prints the report of `resound doctor`, and ends the process with 1 when it is a bad one.
func examine(call *config.Invocation) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	report := doctor.Run(ctx, doctor.Options{
		Config: call.Config, Findings: call.Findings, Env: call.Doctor.Env,
		URL: call.Doctor.URL, Idle: call.Doctor.Idle, Descriptors: descriptors(),
	})
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
