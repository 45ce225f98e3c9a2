package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/bench/model"
)

// tiny is as little as still fits a model: a process gives back more, while it is looked at, than fifty sockets take.
func tiny() Depth {
	return Depth{Name: "tiny", Passes: 1, Rounds: 2, Deliveries: 400,
		Bursts:   []Burst{{sockets, 1, 1, 64, false}, {sockets, 1, 4, 2000, false}, {2 * sockets, 10, 2, 64, false}, {sockets, 5, 1, 500, true}},
		Payloads: []int{64, 2000}, Requests: 200, Few: 6000, Many: 12000, Members: []Members{{5, 100}}, Settle: 10 * time.Millisecond,
		Storm: 40, Storms: 1, Around: 300 * time.Millisecond, Idle: []Idlers{{sockets, 3500 * time.Millisecond}}}
}

func calibration(t *testing.T) Calibrate {
	t.Helper()
	logged := resound(t)
	logged.Args = append(logged.Args, "--durability=process")
	return Calibrate{Plain: resound(t), Logged: logged, Depth: tiny(), Cores: unpinned, Progress: &Progress{}}
}

func TestCalibrate(t *testing.T) {
	t.Parallel() // it waits for most of its time
	if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	c := calibration(t)
	r, err := c.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p := r.Points
	if len(p.Deliveries) != 4 || len(p.Publishes) != 8 || len(p.Memory) != 8 || len(p.Connects) != 1 || len(p.Idle) != 1 || r.Partial || r.Points.Baseline <= 0 || p.Deliveries[0].Ratio <= 0 {
		t.Fatalf("%+v", p)
	}
	// So little does not tell one cost from another, but what it measured costs something.
	m := r.Model
	for _, d := range p.Deliveries {
		if !(m.Predict(d) > 0) {
			t.Errorf("a delivery costs %v: %+v", m.Predict(d), d)
		}
	}
	if m.Publish.Kept+m.Publish.Fresh <= 0 || m.Memory.Start <= 0 || m.Log.Message+m.Log.Written <= 0 || m.Connect.Connect <= 0 {
		t.Errorf("%+v, %+v, %+v, %+v", m.Publish, m.Memory, m.Log, m.Connect)
	}
	for i, f := range r.Figures() {
		if len(f.Lines) == 0 && i == 0 {
			t.Errorf("nothing to draw in %q", f.Title)
		}
	}

	path := filepath.Join(t.TempDir(), "model.json")
	if err := Begin(nil, nil).Save(path, r, nil); err != nil {
		t.Fatal(err)
	}
	read, err := ReadCalibration(path)
	if err != nil {
		t.Fatal(err)
	}
	if read.Result.Model.Delivery != r.Model.Delivery || read.Machine.Cores == 0 {
		t.Errorf("%+v was read back as %+v", r.Model.Delivery, read.Result.Model.Delivery)
	}
	d := model.DefaultDemand()
	if a, err := read.Result.Model.Plan(d, model.Machine{Cores: 4, Memory: 8 << 30}); err != nil || a.Most == 0 {
		t.Errorf("%+v, %v", a, err)
	}

	v, err := Verify{Calibrate: c, Calibration: read, Check: Depth{Passes: 1, Rounds: 2, Deliveries: 400, Bursts: []Burst{{sockets, 1, 2, 200, false}},
		Payloads: []int{400}, Requests: 200, Few: 6000, Many: 12000, Settle: 10 * time.Millisecond, Storm: 40, Storms: 1, Around: 300 * time.Millisecond}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	quantities := map[string]int{}
	for _, row := range v.Rows {
		quantities[row.Quantity]++
		if !(row.Predicted > 0) || !(row.Measured > 0) {
			t.Errorf("%+v", row)
		}
	}
	if quantities["a delivery"] != 1 || quantities["a publish"] != 4 || quantities["memory of sockets"] < 2 || quantities["a connect"] != 1 || quantities["bytes in the log"] != 2 {
		t.Errorf("%v", quantities)
	}
	if notes := strings.Join(v.Table().Notes, " "); !strings.Contains(notes, "the aim") || !strings.Contains(notes, "baseline") {
		t.Error(notes)
	}
}

func TestInterruptedCalibration(t *testing.T) {
	t.Parallel() // it waits for most of its time
	c := calibration(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Run(ctx); err == nil || !strings.Contains(err.Error(), "interrupted after 0 s, with too little for a model") {
		t.Errorf("before it began: %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	c.Depth.Bursts, c.Depth.Payloads = c.Depth.Bursts[:2], c.Depth.Payloads[:1]
	c.Progress = &Progress{Out: interrupter{"connects", cancel}, begun: time.Now().Add(-time.Hour)}
	r, err := c.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Table().Write(&text); err != nil || !r.Partial || len(r.Points.Memory) == 0 || len(r.Points.Connects) > 0 {
		t.Errorf("%v, %+v", err, r.Points)
	}
	if !strings.Contains(text.String(), "Interrupted") || !slices.Contains(r.Model.Missing, "connects") {
		t.Errorf("missing: %q\n%s", r.Model.Missing, text.String())
	}
}

// interrupter is a terminal whose user interrupts when a text comes.
type interrupter struct {
	at     string
	cancel func()
}

func (i interrupter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), i.at) {
		i.cancel()
	}
	return len(b), nil
}

func TestDepthsAreLimited(t *testing.T) {
	for _, d := range []Depth{Full(), Quick()} {
		l := d.Limited(900)
		if len(l.Bursts) == 0 || len(l.Bursts) == len(d.Bursts) || l.Many != 900 || l.Few > 450 || l.Storm > 900 {
			t.Errorf("%s: %+v", d.Name, l)
		}
		for _, b := range l.Bursts {
			if b.Sockets > 900 {
				t.Errorf("%s: %v", d.Name, b)
			}
		}
		for _, b := range d.Bursts {
			if b.Sockets%b.Channels != 0 {
				t.Errorf("%s: %v do not spread evenly", d.Name, b)
			}
		}
	}
}

func TestFileThatIsNoModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.json")
	for text, want := range map[string]string{"{": "is no model", `{"result":{}}`: "not a saved result", `{"format":1,"scenario":"calibrate","result":{}}`: "no points"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCalibration(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "resound-bench calibrate") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := ReadCalibration(path + ".none"); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestReference(t *testing.T) {
	r, err := Reference()
	if err != nil {
		t.Fatal(err)
	}
	if r.Machine.CPU == "" || r.Time.IsZero() || r.Result.Model.Delivery.Send <= 0 || len(r.Result.Model.Missing) > 0 {
		t.Errorf("%+v, missing %q", r.Machine, r.Result.Model.Missing)
	}
}
