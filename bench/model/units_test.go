package model

import (
	"encoding"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		into encoding.TextUnmarshaler
		text string
		got  func(any) float64
		want float64
	}{
		{new(Count), "250000", count, 250000}, {new(Count), "250k", count, 250000}, {new(Count), "1.5m", count, 1.5e6}, {new(Count), "250_000", count, 250000},
		{new(Bytes), "400", size, 400}, {new(Bytes), "2kb", size, 2048}, {new(Bytes), "2K", size, 2048}, {new(Bytes), "1.5 MiB", size, 1.5 * (1 << 20)}, {new(Bytes), "32g", size, 32 << 30},
		{new(Rate), "5/s", rate, 5}, {new(Rate), "300/min", rate, 5}, {new(Rate), "18/h", rate, 0.005}, {new(Rate), "2k/s", rate, 2000}, {new(Rate), "0.5", rate, 0.5},
		{new(Age), "90s", age, 90}, {new(Age), "7d", age, 604800}, {new(Age), "1h30m", age, 5400},
	} {
		if err := c.into.UnmarshalText([]byte(c.text)); err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := c.got(c.into); got != c.want {
			t.Errorf("%q is %v, want %v", c.text, got, c.want)
		}
	}
}

func count(v any) float64 { return float64(*v.(*Count)) }
func size(v any) float64  { return float64(*v.(*Bytes)) }
func rate(v any) float64  { return float64(*v.(*Rate)) }
func age(v any) float64   { return time.Duration(*v.(*Age)).Seconds() }

func TestMachineUnits(t *testing.T) {
	for text, want := range map[string]Machine{
		"16c/32g":               {Cores: 16, Memory: 32 << 30},
		"32G/16C":               {Cores: 16, Memory: 32 << 30},
		"4cores/512mb/10gbit":   {Cores: 4, Memory: 512 << 20, Bandwidth: 1e10},
		"2c/4g/250mbps/20kfd":   {Cores: 2, Memory: 4 << 30, Bandwidth: 2.5e8, Descriptors: 20000},
		"2c/4g/1gbit/100000 fd": {Cores: 2, Memory: 4 << 30, Bandwidth: 1e9, Descriptors: 100000},
	} {
		var m Machine
		if err := m.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if m.Name != text {
			t.Errorf("%q is called %q", text, m.Name)
		}
		if m.Name = ""; m != want {
			t.Errorf("%q is %+v, want %+v", text, m, want)
		}
	}
}

// TestUnitErrorsTeach: an error has what was written, and an example of what to write.
func TestUnitErrorsTeach(t *testing.T) {
	for _, c := range []struct {
		into       encoding.TextUnmarshaler
		text, want string
	}{
		{new(Count), "many", "250k"}, {new(Count), "3 dozen", "250k"}, {new(Count), "0.5", "250k"}, {new(Count), "9000m", "250k"},
		{new(Bytes), "2 kilo", "2kb"}, {new(Bytes), "", "2kb"}, {new(Bytes), "-4", "2kb"},
		{new(Rate), "5/fortnight", "300/min"}, {new(Rate), "often", "300/min"}, {new(Rate), "5kb/s", "300/min"},
		{new(Age), "soon", "7d"}, {new(Age), "-1s", "7d"},
		{new(Machine), "16c", "16c/32g"}, {new(Machine), "32g", "16c/32g"}, {new(Machine), "16 c/32 x", "16c/32g/10gbit"}, {new(Machine), "big", "16c/32g"}, {new(Machine), "1.5c/4g", "16c/32g"},
	} {
		err := c.into.UnmarshalText([]byte(c.text))
		if err == nil {
			t.Errorf("%T took %q", c.into, c.text)
			continue
		}
		named := slices.ContainsFunc(strings.Split(c.text, "/"), func(part string) bool { return strings.Contains(err.Error(), part) })
		if !named || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want it to say %q", c.text, err, c.want)
		}
	}
}

func TestUnitsAreWritten(t *testing.T) {
	for got, want := range map[string]string{
		Bytes(400).String(): "400 bytes", Bytes(2048).String(): "2 KB", Bytes(32 << 30).String(): "32 GB", Bytes(1.64 * (1 << 30)).String(): "1.64 GB",
		Rate(5).String(): "5/s", Rate(0.05).String(): "3/min", Age(time.Hour).String(): "1h", Age(90 * time.Second).String(): "1m30s", Age(7 * 24 * time.Hour).String(): "7d",
		digits(1234567): "1,234,567", digits(0.1234): "0.12", digits(-1234): "-1,234", digits(99.94): "99.9",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
