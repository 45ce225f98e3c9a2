package main

import "testing"

func TestFactor(t *testing.T) {
	for text, want := range map[string]float64{"x2": 2, "X1.5": 1.5, "3": 3, "150%": 1.5, "x50%": 0.5, "0": 0, "x0": 0, "-1": 0, "": 0, "twice": 0, "NaN": 0, "%": 0} {
		var f factor
		err := f.UnmarshalText([]byte(text))
		if float64(f) != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %v, %v", text, float64(f), err)
		}
	}
}
