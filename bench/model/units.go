package model

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Count is a number of things: "250000", "250k", "1.5m".
type Count int

// UnmarshalText reads it.
func (c *Count) UnmarshalText(text []byte) error {
	v, unit, err := amount(string(text), "a number such as 250000, 250k or 1.5m")
	if err != nil {
		return err
	}
	factor, ok := map[string]float64{"": 1, "k": 1e3, "m": 1e6}[unit]
	if n := v * factor; !ok || n != math.Trunc(n) || n > 1e9 {
		return fmt.Errorf("%q is no number of things: write it as 250000, 250k or 1.5m", text)
	}
	*c = Count(v * factor)
	return nil
}

// Bytes is a size: "400", "2kb", "32g". A kilobyte is 1,024 bytes.
type Bytes float64

const bytesForm = "a size such as 400, 2kb, 512m or 32g"

// UnmarshalText reads it.
func (b *Bytes) UnmarshalText(text []byte) error {
	v, unit, err := amount(string(text), bytesForm)
	if err != nil {
		return err
	}
	factor, ok := map[string]float64{"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}[strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")]
	if !ok {
		return fmt.Errorf("%q: %q is no unit of size: b, kb, mb, gb and tb are (k, m, g and t for short), as in 2kb", text, unit)
	}
	*b = Bytes(v * factor)
	return nil
}

// String is the size in the unit that suits it.
func (b Bytes) String() string {
	v := float64(b)
	for _, u := range []string{"bytes", "KB", "MB", "GB", "TB"} {
		if v < 1000 || u == "TB" {
			if u == "bytes" {
				return fmt.Sprintf("%.0f bytes", v)
			}
			return digits(v) + " " + u
		}
		v /= 1024
	}
	return ""
}

// Rate is events a second: "5/s", "300/min", "20/h". A number alone is a second's.
type Rate float64

// UnmarshalText reads it.
func (r *Rate) UnmarshalText(text []byte) error {
	const form = "a rate such as 5/s, 300/min or 20/h"
	number, per, _ := strings.Cut(string(text), "/")
	v, unit, err := amount(number, form)
	if err != nil {
		return err
	}
	seconds, ok := map[string]float64{"": 1, "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}[strings.ToLower(per)]
	factor, known := map[string]float64{"": 1, "k": 1e3}[unit]
	if !ok || !known {
		return fmt.Errorf("%q is no rate: write %s", text, form)
	}
	*r = Rate(v * factor / seconds)
	return nil
}

// String is the rate a second, or a minute when it is rare.
func (r Rate) String() string {
	if r < 0.1 && r > 0 {
		return digits(float64(r)*60) + "/min"
	}
	return digits(float64(r)) + "/s"
}

// Age is a time, also in days: "90s", "2m", "1h", "7d".
type Age time.Duration

// UnmarshalText reads it.
func (a *Age) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		if v, err := strconv.ParseFloat(days, 64); err == nil && v >= 0 && v < 1e5 {
			*a = Age(v * 24 * float64(time.Hour))
			return nil
		}
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time: write 30s, 10m, 2h or 7d", text)
	}
	*a = Age(d)
	return nil
}

func (a Age) seconds() float64 { return time.Duration(a).Seconds() }

// String is the time in its largest units.
func (a Age) String() string {
	d := time.Duration(a)
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Machine is what a server has. 0 is not known, and no limit then.
type Machine struct {
	Name        string  `json:"name,omitempty"`
	Cores       int     `json:"cores"`
	Memory      Bytes   `json:"memory"`
	Bandwidth   float64 `json:"bandwidth,omitempty"` // bits a second
	Descriptors int     `json:"descriptors,omitempty"`
}

const machineForm = `a machine such as 16c/32g or 16c/32g/10gbit: cores, memory and, if it counts, the network`

// UnmarshalText reads "16c/32g", and "16c/32g/10gbit/500kfd", in any order.
func (m *Machine) UnmarshalText(text []byte) error {
	*m = Machine{}
	for part := range strings.SplitSeq(strings.ToLower(string(text)), "/") {
		v, unit, err := amount(part, machineForm)
		if err != nil {
			return err
		}
		switch strings.TrimSpace(unit) {
		case "c", "core", "cores", "cpu", "vcpu":
			if m.Cores = int(v); v != math.Trunc(v) || v < 1 || v > 4096 {
				return fmt.Errorf("%q is no number of cores: write %s", part, machineForm)
			}
		case "m", "mb", "g", "gb", "gib", "t", "tb":
			if err := m.Memory.UnmarshalText([]byte(part)); err != nil {
				return err
			}
		case "mbit", "mbps":
			m.Bandwidth = v * 1e6
		case "gbit", "gbps":
			m.Bandwidth = v * 1e9
		case "fd", "files":
			m.Descriptors = int(v)
		case "kfd":
			m.Descriptors = int(v * 1e3)
		default:
			return fmt.Errorf("%q is no part of a machine: c is for cores, g for memory, gbit for the network, kfd for a thousand descriptors, as in 16c/32g/10gbit", part)
		}
	}
	if m.Cores == 0 || m.Memory <= 0 {
		return fmt.Errorf("%q does not say how many cores and how much memory: write %s", text, machineForm)
	}
	m.Name = string(text)
	return nil
}

// amount cuts "12.5kb" into 12.5 and "kb".
func amount(text, form string) (float64, string, error) {
	text = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), "_", ""))
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	v, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return 0, "", fmt.Errorf("%q is not understood: write %s", text, form)
	}
	return v, strings.TrimSpace(text[end:]), nil
}

// digits prints three of them, with separators where there are more.
func digits(f float64) string {
	a := math.Abs(f)
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return "–"
	case a >= 1000:
		s := fmt.Sprintf("%.0f", f)
		for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case a >= 100 || f == math.Trunc(f):
		return fmt.Sprintf("%.0f", f)
	case a >= 10:
		return fmt.Sprintf("%.1f", f)
	case a >= 0.01:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.2g", f)
}
