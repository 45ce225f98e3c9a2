package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"resound/bench/model"
)

// Verify is the scenario that measures points which a model was not fitted to, and says how far it is off.
type Verify struct {
	Calibrate   Calibrate // servers, cores and progress; its Depth does not count
	Calibration *Calibration
	Check       Depth // what to measure
}

// FullCheck is points between those of Full and Quick, in all that they differ in. It takes about a minute.
func FullCheck() Depth {
	d := Depth{Passes: 3, Rounds: 3, Deliveries: 40000, Payloads: []int{400, 6000}, Requests: 6000, Few: 3000, Many: 6500, Members: []Members{{20, 200}},
		Storm: 3000, Storms: 2, Around: 1500 * time.Millisecond}
	for _, size := range []int{200, 1500} {
		for _, window := range []int{2, 8} {
			d.Bursts = append(d.Bursts, Burst{Sockets: 2000, Channels: 20, Window: window, Payload: size}, Burst{Sockets: 2000, Channels: 1, Window: window, Payload: size})
		}
	}
	d.Bursts = append(d.Bursts, Burst{Sockets: 500, Channels: 1, Window: 1, Payload: 700}, Burst{Sockets: 4000, Channels: 200, Window: 1, Payload: 300},
		Burst{Sockets: 6000, Channels: 1, Window: 1, Payload: 100}, Burst{Sockets: 3000, Channels: 30, Window: 1, Payload: 500, Logged: true})
	d.Settle = Full().Settle
	return d
}

// VerifyResult is predicted and measured.
type VerifyResult struct {
	Target   Target      `json:"target"`
	Rows     []VerifyRow `json:"rows"`
	Baseline [2]float64  `json:"baseline_us"` // a delivery of the baseline: when the model was made, and now
	Partial  bool        `json:"partial,omitempty"`
}

// VerifyRow is one point.
type VerifyRow struct {
	Quantity  string  `json:"quantity"`
	Point     string  `json:"point"`
	Unit      string  `json:"unit"`
	Predicted float64 `json:"predicted"`
	Measured  float64 `json:"measured"` // CPU at the speed that the machine had when the model was made
	Now       float64 `json:"now"`      // CPU as it was
}

// Error is predicted / measured - 1.
func (r VerifyRow) Error() float64 { return r.Predicted/r.Measured - 1 }

// Run measures.
func (v Verify) Run(ctx context.Context) (*VerifyResult, error) {
	c, m := v.Calibrate, v.Calibration.Result.Model
	c.Depth = v.Check
	measured := &CalibrateResult{}
	if err := c.measure(ctx, measured); err != nil {
		return nil, err
	}
	// The CPU counts at the speed that the machine had when the model was made.
	measured.Points.Baseline = v.Calibration.Result.Points.Baseline
	r := &VerifyResult{Target: v.Calibrate.Plain, Rows: predicted(m, measured.Points), Partial: ctx.Err() != nil}
	r.Baseline = [2]float64{v.Calibration.Result.Points.Baseline, measured.Baseline.Median}
	if len(r.Rows) == 0 {
		return nil, fmt.Errorf("nothing was measured: %w", context.Cause(ctx))
	}
	return r, nil
}

// predicted sets what a model says beside points.
func predicted(m *model.Model, p model.Points) (rows []VerifyRow) {
	for _, d := range p.Deliveries {
		rows = append(rows, VerifyRow{"a delivery", d.Name(), "µs", m.Predict(d), p.Cost(d.CPU, d.Ratio), d.CPU})
	}
	for _, d := range p.Publishes {
		rows = append(rows, VerifyRow{"a publish", d.Name(), "µs", m.PredictPublish(d), p.Cost(d.CPU, d.Ratio), d.CPU})
		if d.Written > 0 {
			rows = append(rows, VerifyRow{"bytes in the log", d.Name(), "bytes", m.Log.Message + m.Log.Written*float64(d.Payload), d.Written, d.Written})
		}
	}
	const mb = 1 << 20
	for _, d := range p.Memory {
		got := (d.Resident - d.Start) / mb
		rows = append(rows, VerifyRow{"memory of sockets", d.Name(), "MB", (m.PredictMemory(d) - d.Start) / mb, got, got})
	}
	for _, d := range p.Kernel {
		if d.Bytes <= 0 {
			continue // so few sockets do not show
		}
		rows = append(rows, VerifyRow{"memory of the kernel, both ends", fmt.Sprintf("%d sockets", d.Sockets), "MB", 2 * m.Memory.Kernel * float64(d.Sockets) / mb, d.Bytes / mb, d.Bytes / mb})
	}
	for _, d := range p.Connects {
		rows = append(rows, VerifyRow{"a connect", fmt.Sprintf("%d at once", d.Sockets), "µs", m.Connect.Connect, p.Cost(d.CPU, d.Ratio), d.CPU})
	}
	return merged(rows)
}

// merged makes one row of those of the same point, with the middle of what was measured.
func merged(rows []VerifyRow) (list []VerifyRow) {
	for i, row := range rows {
		same := func(other VerifyRow) bool { return other.Quantity == row.Quantity && other.Point == row.Point }
		if slices.IndexFunc(rows, same) < i {
			continue
		}
		var measured, now []float64
		for _, other := range rows {
			if same(other) {
				measured, now = append(measured, other.Measured), append(now, other.Now)
			}
		}
		row.Measured, row.Now = quantile(measured, 0.5), quantile(now, 0.5)
		list = append(list, row)
	}
	return list
}

// Servers is the one that was measured.
func (r *VerifyResult) Servers() []Target { return []Target{r.Target} }

// Table has a row for each point.
func (r *VerifyResult) Table() Table {
	t := Table{Title: "The model at points that it was not fitted to", Header: []string{"", "point", "predicted", "measured", "unit", "error", "as it was now", "error"}}
	var all, raw []float64
	within := 0
	for _, row := range r.Rows {
		if row.Now == 0 {
			row.Now = row.Measured // of a result from before there was a gauge
		}
		t.Rows = append(t.Rows, []string{row.Quantity, row.Point, number(row.Predicted), number(row.Measured), row.Unit, fmt.Sprintf("%+.1f %%", row.Error()*100),
			number(row.Now), fmt.Sprintf("%+.1f %%", (row.Predicted/row.Now-1)*100)})
		raw = append(raw, math.Abs(row.Predicted/row.Now-1))
		e := math.Abs(row.Error())
		if all = append(all, e); e <= aim {
			within++
		}
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Error: %s in the middle, %s at worst; %d of %d points are within %.0f %%, which is the aim. %s.",
		percent(quantile(all, 0.5)), percent(quantile(all, 1)), within, len(all), aim*100, r.byQuantity()))
	if b := r.Baseline; b[0] > 0 && b[1] > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("CPU is measured in deliveries of the baseline, which does nothing but write, just before: one took %s µs when the model was made and %s now. "+
			"As it was now, without that, the error is %s in the middle and %s at worst.", number(b[0]), number(b[1]), percent(quantile(raw, 0.5)), percent(quantile(raw, 1))))
	}
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the points that had been measured.")
	}
	return t
}

// byQuantity is how far the model is off for each quantity: some are easier to predict than others, and would speak for those.
func (r *VerifyResult) byQuantity() string {
	var order, parts []string
	errors := map[string][]float64{}
	for _, row := range r.Rows {
		if errors[row.Quantity] == nil {
			order = append(order, row.Quantity)
		}
		errors[row.Quantity] = append(errors[row.Quantity], math.Abs(row.Error()))
	}
	for _, quantity := range order {
		within := 0
		for _, e := range errors[quantity] {
			if e <= aim {
				within++
			}
		}
		parts = append(parts, fmt.Sprintf("%s %s (%d of %d within)", quantity, percent(quantile(errors[quantity], 0.5)), within, len(errors[quantity])))
	}
	return "In the middle of each kind: " + strings.Join(parts, ", ")
}

// aim is the error that a model should stay within.
const aim = 0.15

// Figures shows predicted against measured, of the CPU.
func (r *VerifyResult) Figures() []Figure {
	points, exact := Line{Name: "points", Dots: true}, Line{Name: "exact"}
	for _, row := range r.Rows {
		if row.Unit == "µs" {
			points.X, points.Y = append(points.X, row.Measured), append(points.Y, row.Predicted)
			exact.X, exact.Y = append(exact.X, row.Measured), append(exact.Y, row.Measured)
		}
	}
	return []Figure{{Name: "model-verify", Title: "The model at points that it was not fitted to", X: "measured, µs", Y: "predicted, µs", LogX: true, LogY: true, Lines: []Line{exact, points}}}
}
