package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
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
	if s == "" || s == "null" {
		s = "0"
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
	n, err := whole(s, low, high)
	target.SetInt(n)
	return err
}

// whole reads a whole number between two others.
func whole(s string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 0)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a whole number", s)
	case n < low || n > high:
		return 0, fmt.Errorf("%d is not between %d and %d", n, low, high)
	}
	return n, nil
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
	low := time.Second
	if ctx.Value.Tag.Has("zero") {
		low = 0
	}
	if d < low || d > 24*time.Hour || d%time.Second != 0 {
		return fmt.Errorf("%s is not a time in whole seconds between %v and 24h", s, low)
	}
	target.SetInt(int64(d))
	return nil
}

// age reads what seconds does, "7d" too, and 0.
type age struct{}

func (age) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	d, err := parseAge(s)
	target.SetInt(int64(d))
	return err
}

// maxAge is ten years: who wants more wants no limit.
const maxAge = 3650 * 24 * time.Hour

func parseAge(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, nerr := strconv.ParseInt(s, 10, 32); nerr == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, nerr := strconv.ParseInt(days, 10, 16)
		d, err = time.Duration(n)*24*time.Hour, nerr
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a time, such as 3600, 90m, 24h or 7d", s)
	case d < 0 || d > maxAge || d%time.Second != 0:
		return 0, fmt.Errorf("%s is not a time in whole seconds between 0 and 3650d", s)
	}
	return d, nil
}

// serial reads the number of an event.
type serial struct{}

func (serial) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	n, err := whole(s, 1, 1<<53)
	target.SetUint(uint64(n))
	return err
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

// timestamps reads as apps.ParseTimestampPolicy does.
type timestamps struct{}

func (timestamps) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	s, err := popText(ctx)
	if err != nil {
		return err
	}
	policy, err := apps.ParseTimestampPolicy(s)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(policy))
	return nil
}

// origins reads host patterns with commas between them. They are cleaned
// later, where a warning can say what was cut off.
type origins struct{}

func (origins) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	list, err := popList(ctx, func(entry string) (string, error) {
		if host, _ := apps.CleanOrigin(entry); host == "" {
			return "", fmt.Errorf("the origin %q has no host", entry)
		}
		return entry, nil
	})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("no origin is allowed, so nobody could connect; * allows all")
	}
	target.Set(reflect.ValueOf(list))
	return nil
}

// popList reads what stands with commas between, each entry as clean returns it.
func popList(ctx *kong.DecodeContext, clean func(entry string) (string, error)) (list []string, err error) {
	s, err := popText(ctx)
	if err != nil {
		return nil, err
	}
	for entry := range strings.SplitSeq(s, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		if entry, err = clean(entry); err != nil {
			return nil, err
		}
		list = append(list, entry)
	}
	return list, nil
}

// onOff is a switch: the flag alone turns it on.
type onOff struct{}

func (onOff) IsBool() bool { return true }

func (onOff) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		target.SetBool(true)
		return nil
	}
	on, err := parseSwitch(fmt.Sprint(ctx.Scan.Pop().Value))
	target.SetBool(on)
	return err
}

func parseSwitch(s string) (on bool, err error) {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
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
