package report

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

var firstNumber = regexp.MustCompile(`-?\d[\d,]*(\.\d+)?`)

// num is the first number of a text, such as a cell.
func num(text string) (float64, error) {
	f, err := strconv.ParseFloat(strings.ReplaceAll(firstNumber.FindString(text), ",", ""), 64)
	if err != nil {
		return 0, fmt.Errorf("there is no number in %q", text)
	}
	return f, nil
}

// about is {{about 2 12345}}, 12,000: so many digits count.
func about(digits int, x any) (string, error) {
	f, err := value(x)
	if err != nil || f == 0 {
		return "0", err
	}
	power := math.Pow(10, float64(digits-1)-math.Floor(math.Log10(math.Abs(f))))
	f = math.Round(f*power) / power
	return separated(f, max(0, digits-1-int(math.Floor(math.Log10(math.Abs(f))+1e-9)))), nil
}

func value(x any) (float64, error) {
	switch x := x.(type) {
	case float64:
		return x, nil
	case int:
		return float64(x), nil
	case string:
		return num(x)
	}
	return 0, fmt.Errorf("%v is no number", x)
}

// The arithmetic takes numbers, and texts as num does.
func add(list ...any) (float64, error) {
	return fold(list, func(a, b float64) float64 { return a + b })
}
func sub(list ...any) (float64, error) {
	return fold(list, func(a, b float64) float64 { return a - b })
}
func mul(list ...any) (float64, error) {
	return fold(list, func(a, b float64) float64 { return a * b })
}
func div(list ...any) (float64, error) {
	return fold(list, func(a, b float64) float64 { return a / b })
}

func fold(list []any, f func(a, b float64) float64) (result float64, err error) {
	for i, x := range list {
		v, bad := value(x)
		if bad != nil {
			return 0, bad
		}
		if result = f(result, v); i == 0 {
			result = v
		}
	}
	return result, nil
}
