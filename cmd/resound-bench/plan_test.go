package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"resound/bench"
)

// parse is what main does with a command line.
func parse(t *testing.T, args ...string) (*grammar, error) {
	t.Helper()
	g := &grammar{}
	k, err := kong.New(g, kong.Name("resound-bench"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Parse(args)
	return g, err
}

func TestPlanCommand(t *testing.T) {
	g, err := parse(t, strings.Fields("plan --viewers 250000 --channels 40 --rate 5/s --size 400 --machine 16c/32g --history 18k --age 2h --keep-alive --presence --user-info 1kb")...)
	if err != nil {
		t.Fatal(err)
	}
	d := g.Plan.demand()
	if d.Viewers != 250000 || d.Channels != 40 || d.Rate != 5 || d.Size != 400 || d.History != 18000 || d.Fresh || !d.Kept || !d.Presence || d.UserInfo != 1024 || g.Plan.Machine.Cores != 16 {
		t.Fatalf("%+v on %+v", d, g.Plan.Machine)
	}
	t.Chdir(t.TempDir()) // where nobody has calibrated
	c, note, err := g.Plan.calibration()
	if err != nil || !strings.Contains(note, "NOT OF YOUR MACHINE") || !strings.Contains(note, "resound-bench calibrate") {
		t.Fatalf("%q, %v", note, err)
	}
	a, err := g.Plan.answer(c.Result.Model)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := g.Plan.page(&text, a, note); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"250,000 viewers", "NOT OF YOUR MACHINE", "EXTRAPOLATED", "LimitNOFILE=", "--history-messages=18000"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

func TestPlanOfAnInterruptedCalibration(t *testing.T) {
	r, err := bench.Reference()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.json")
	for _, partial := range []bool{false, true} {
		r.Result.Partial = partial
		if err := r.Save(path, &r.Result, nil); err != nil {
			t.Fatal(err)
		}
		if _, note, err := (planCommand{Model: path}).calibration(); err != nil || strings.Contains(note, "INTERRUPTED") != partial {
			t.Errorf("interrupted %v: %q, %v", partial, note, err)
		}
	}
}

func TestPlanForTheMostViewers(t *testing.T) {
	g, err := parse(t, "plan", "--max", "--machine", "2c/4g")
	if err != nil {
		t.Fatal(err)
	}
	r, err := bench.Reference()
	if err != nil {
		t.Fatal(err)
	}
	a, err := g.Plan.answer(r.Result.Model)
	if err != nil || a.Demand.Viewers != a.Most || !a.Fits || a.Most < 10000 {
		t.Errorf("%d viewers where %d is the most, %v", a.Demand.Viewers, a.Most, err)
	}
}

func TestPlanErrorsTeach(t *testing.T) {
	for args, want := range map[string]string{
		"plan --rate often": "5/s", "plan --machine 16c": "16c/32g", "plan --viewers lots": "250k", "plan --size 2kilo": "2kb", "plan --stay long": "7d",
	} {
		if _, err := parse(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want an example such as %q", args, err, want)
		}
	}
}
