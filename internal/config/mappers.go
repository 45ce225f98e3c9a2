package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"resound/internal/apps"
)

// number reads a whole number between the tags min (0 without it) and max.
// An empty text or "null" is 0, as Laravel's way to say "none".
type number struct{}

func (number) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	n := int64(0)
	if s != "" && s != "null" {
		if n, err = strconv.ParseInt(s, 10, 0); err != nil {
			return fmt.Errorf("%q is not a whole number", s)
		}
	}
	low, high := int64(0), int64(1<<31-1)
	if ctx.Value.Tag.Has("min") {
		if low, err = ctx.Value.Tag.GetInt("min"); err != nil {
			return err
		}
	}
	if ctx.Value.Tag.Has("max") {
		if high, err = ctx.Value.Tag.GetInt("max"); err != nil {
			return err
		}
	}
	if n < low || n > high {
		return fmt.Errorf("%d is not between %d and %d", n, low, high)
	}
	target.SetInt(n)
	return nil
}

// seconds reads "60" as Reverb does, and "60s" or "1m30s" as Go does. The
// protocol has whole seconds only, of which at least one.
type seconds struct{}

func (seconds) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(s)
	if n, nerr := strconv.ParseInt(s, 10, 32); nerr == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil {
		return fmt.Errorf("%q is not a time in seconds, such as 60 or 60s", s)
	}
	if d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
		return fmt.Errorf("%s is not a time in whole seconds between 1s and 24h", s)
	}
	target.SetInt(int64(d))
	return nil
}

// clientEvents reads as apps.ParseClientEvents does: no word is an error.
type clientEvents struct{}

func (clientEvents) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(apps.ParseClientEvents(s)))
	return nil
}

// plainText reads a string as it stands.
type plainText struct{}

func (plainText) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	target.SetString(s)
	return nil
}

// popText takes the value of the flag. kong puts the word into "expected a
// value but got" when another flag stands there, and would call the end of the line "EOL".
func popText(ctx *kong.DecodeContext) (string, error) {
	if ctx.Scan.Peek().Type == kong.EOLToken {
		return "", errors.New("the value is missing")
	}
	var s string
	err := ctx.Scan.PopValueInto("a", &s)
	return s, err
}
