package bench

import (
	"fmt"
	"os"
	"strings"

	"resound/bench/model"
)

// CalibrateResult is the points and the model that was fitted to them.
type CalibrateResult struct {
	Target   Target       `json:"target"`
	Depth    string       `json:"depth"`
	Took     float64      `json:"took_s"`
	Cores    Cores        `json:"cores"`
	Baseline Spread       `json:"speed_us"` // a delivery of the baseline: how fast the machine was
	Points   model.Points `json:"points"`
	Model    *model.Model `json:"model"`
	Partial  bool         `json:"partial,omitempty"`
}

// Calibration is a CalibrateResult with the run that it is of.
type Calibration struct {
	Run
	Result CalibrateResult
}

// ReadCalibration reads what Save has written, and fits the model anew: points last longer than a way to fit them.
func ReadCalibration(path string) (*Calibration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w; `resound-bench calibrate --json %s` makes a model", err, path)
	}
	c, err := parseCalibration(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no model: %w; `resound-bench calibrate --json %s` makes one", path, err, path)
	}
	return c, nil
}

func parseCalibration(text []byte) (*Calibration, error) {
	saved, err := read(text)
	if err != nil {
		return nil, err
	}
	r, ok := saved.Result.(*CalibrateResult)
	if !ok {
		return nil, fmt.Errorf("it is a result of %s", saved.Scenario)
	}
	if len(r.Points.Deliveries) == 0 {
		return nil, fmt.Errorf("it has no points")
	}
	if r.Model, err = model.FitPoints(r.Points); err != nil {
		return nil, err
	}
	return &Calibration{Run: saved.Run, Result: *r}, nil
}

// Table is what things cost, and how well the model meets what was measured.
func (r *CalibrateResult) Table() Table {
	m := r.Model
	t := Table{Title: "What things cost on this machine", Header: []string{"", "cost", "unit", "error: median", "worst", "points"}}
	part := func(quantity string, rows ...[3]string) {
		for _, row := range rows {
			line := []string{row[0], row[1], row[2], "", "", ""}
			for _, f := range m.Fits {
				if f.Quantity == quantity {
					line[3], line[4], line[5] = percent(f.Median), percent(f.Worst), fmt.Sprint(f.Points)
				}
			}
			t.Rows = append(t.Rows, line)
		}
	}
	us := func(what string, v float64) [3]string { return [3]string{what, number(v), "µs"} }
	bytes := func(what string, v float64) [3]string { return [3]string{what, thousands(v), "bytes"} }
	d := func(sockets, events, frame float64) float64 {
		return m.Delivery.SendTime(sockets, events, frame) / events
	}
	part("a delivery",
		us("a delivery of 100 bytes, 1,000 sockets", d(1000, 1, 100)), us("of 100 bytes, 10,000 sockets", d(10000, 1, 100)),
		us("of 1,000 bytes, 1,000 sockets", d(1000, 1, 1000)), us("of 10,000 bytes, 1,000 sockets", d(1000, 1, 10000)),
		us("of 100 bytes, 16 events at once, 1,000 sockets", d(1000, 16, 100)), us("a wake-up of a loop", m.Delivery.Wake))
	part("a publish", us("a publish, kept alive", m.Publish.Kept), us("more for a connection of its own", m.Publish.Fresh),
		us("more for each kilobyte", m.Publish.Byte*1024), us("a message in the log", m.Log.Append+100*m.Log.Byte), us("more for each kilobyte of it", m.Log.Byte*1024))
	part("a message on disk", bytes("written for a message of 100 bytes", m.Log.Message+100*m.Log.Written))
	part("a connect", us("a connection with its subscription", m.Connect.Connect), us("of that, to accept it, at most", m.Connect.Accept))
	part("idle sockets", us("a ping and its answer", m.Idle.Ping), us("an idle socket and second", m.Idle.Socket))
	part("memory of sockets", bytes("the process at its start", m.Memory.Start), bytes("a socket with a subscription", m.Memory.Socket),
		bytes("each further subscription", m.Memory.Subscription), bytes("a presence member with 100 bytes of user_info, more", m.Memory.Member+100*m.Memory.UserInfo),
		bytes("a channel", m.Memory.Channel), bytes("a socket in the kernel", m.Memory.Kernel))
	t.Notes = append(t.Notes, fmt.Sprintf("The error is that of the model at the points it was fitted to; `resound-bench plan --verify` measures others. It took %.0f s.", r.Took))
	if b := r.Baseline; b.Median > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("A delivery of the baseline, which does nothing but write, took %s µs, a quarter of the times less than %s and a quarter more than %s. "+
			"CPU was measured in deliveries of the baseline, so that a machine that has less to give at times does not spoil the model.", number(b.Median), number(b.Low), number(b.High)))
	}
	if len(m.Missing) > 0 {
		t.Notes = append(t.Notes, "Not told by these points, and counted as nothing: "+strings.Join(m.Missing, ", ")+".")
	}
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: the model is of what had been measured.")
	}
	if r.Cores.Server < 0 {
		t.Notes = append(t.Notes, "Server and load were not pinned to cores of their own.")
	}
	return t
}

// Servers is the one that was measured.
func (r *CalibrateResult) Servers() []Target { return []Target{r.Target} }

// Figures are the model against what was measured, and the cost of a delivery against its size.
func (r *CalibrateResult) Figures() []Figure {
	fit := Figure{Name: "model-fit", Title: "The model against what was measured: deliveries", X: "measured, µs", Y: "predicted, µs", LogX: true, LogY: true}
	size := Figure{Name: "model-size", Title: "A delivery, by its size", X: "bytes of the frame", Y: "CPU µs", LogX: true}
	points, exact := Line{Name: "points", Dots: true}, Line{Name: "exact"}
	for _, f := range r.Model.Fits {
		if f.Quantity != "a delivery" {
			continue
		}
		for _, e := range f.Each {
			points.X, points.Y = append(points.X, e.Measured), append(points.Y, e.Predicted)
			exact.X, exact.Y = append(exact.X, e.Measured), append(exact.Y, e.Measured)
		}
	}
	fit.Lines = []Line{exact, points}
	for _, window := range []int{1, 4, 16} {
		measured, predicted := Line{Name: fmt.Sprintf("%d at once, measured", window), Dots: true}, Line{Name: fmt.Sprintf("%d at once, model", window)}
		last := 0
		for _, d := range r.Points.Deliveries {
			if d.Channels != 1 || d.Window != window || d.Sockets != 1000 || d.Logged {
				continue
			}
			measured.X, measured.Y = append(measured.X, float64(d.Frame)), append(measured.Y, r.Points.Cost(d.CPU, d.Ratio))
			last = max(last, d.Frame)
		}
		for frame := 64; frame <= last; frame += max(frame/4, 16) {
			predicted.X = append(predicted.X, float64(frame))
			predicted.Y = append(predicted.Y, r.Model.Predict(model.Delivery{Sockets: 1000, Channels: 1, Window: window, Frame: frame, Payload: frame}))
		}
		if len(measured.X) > 0 {
			size.Lines = append(size.Lines, measured, predicted)
		}
	}
	return []Figure{fit, size}
}
