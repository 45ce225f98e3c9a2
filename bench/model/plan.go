package model

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// How much of a machine is used, so that a busy minute does no harm.
const (
	useCPU       = 0.6
	useMemory    = 0.8
	useBandwidth = 0.7
	maxLoops     = 1024
)

// An Answer is what a demand needs, and whether a machine has it.
type Answer struct {
	Demand  Demand  `json:"demand"`
	Machine Machine `json:"machine"`
	Need    Need    `json:"need"`

	Cores    int      `json:"cores"` // that are needed, at the target of use; 0: no number of them is enough
	Fits     bool     `json:"fits"`
	First    Limit    `json:"first"` // that is hit
	Limits   []Limit  `json:"limits"`
	Figures  []Figure `json:"figures"`
	Storm    float64  `json:"storm_s"`    // until all are back, in seconds; infinite is 0
	Alone    float64  `json:"latency_ms"` // from a publish to the last viewer of a channel, on a server that does nothing else
	Under    float64  `json:"busy_ms"`    // the same on the average, under this demand; 0: it cannot keep up
	Most     int      `json:"most"`       // viewers that the machine takes, with the rest of the demand as it is
	Warnings []string `json:"warnings"`
	Settings []Block  `json:"settings"`
}

// A Limit is a resource of the machine.
type Limit struct {
	Resource string  `json:"resource"`
	Need     float64 `json:"need"`
	Usable   float64 `json:"usable"` // of what there is; 0 is not known
	Unit     string  `json:"unit"`
	Factor   float64 `json:"factor"` // times the viewers that it is enough for
}

// Headroom is the part of what is usable that is left.
func (l Limit) Headroom() float64 { return 1 - l.Need/l.Usable }

// A Figure is one line of an answer, with what it rests on.
type Figure struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Note  string `json:"note,omitempty"`
	Basis Basis  `json:"basis"`
	Why   string `json:"why,omitempty"`
}

// a resource is how much of something a demand takes, and how much there is.
type resource struct {
	name, unit string
	usable     float64
	need       func(Demand) float64
}

// resources of a machine with this model; what is not known of a machine is no limit.
func (m *Model) resources(k Machine) []resource {
	all := []resource{
		{"CPU", "cores", useCPU * float64(k.Cores), func(d Demand) float64 { return m.NeedOf(d, k.Cores).Busy }},
		{"memory", "GB", useMemory * float64(k.Memory) / (1 << 30), func(d Demand) float64 { return m.NeedOf(d, k.Cores).Memory() / (1 << 30) }},
		{"network out", "Gbit/s", useBandwidth * k.Bandwidth / 1e9, func(d Demand) float64 { return m.NeedOf(d, k.Cores).Out / 1e9 }},
		{"network in", "Gbit/s", useBandwidth * k.Bandwidth / 1e9, func(d Demand) float64 { return m.NeedOf(d, k.Cores).In / 1e9 }},
		{"descriptors", "", float64(k.Descriptors), func(d Demand) float64 { return m.NeedOf(d, k.Cores).Descriptors }},
		{"CPU while all come back", "cores", float64(k.Cores), func(d Demand) float64 {
			return m.NeedOf(d, k.Cores).Busy + float64(d.Viewers)*m.Connect.Connect/1e6/d.Within.seconds()
		}},
		{"the thread that accepts, while all come back", "cores", 1, func(d Demand) float64 {
			return float64(d.Viewers) * m.Connect.Accept / 1e6 / d.Within.seconds()
		}},
	}
	var known []resource
	for _, r := range all {
		if r.usable > 0 {
			known = append(known, r)
		}
	}
	return known
}

// most is how many viewers a resource is enough for, 0 if for none: needs rise with the viewers.
func (r resource) most(d Demand) int {
	enough := func(viewers int) bool {
		d.Viewers = viewers
		return r.need(d) <= r.usable
	}
	low, high := 0, 1
	for enough(high) && high < 1<<40 {
		low, high = high, high*2
	}
	for high-low > 1 {
		if middle := low + (high-low)/2; enough(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// Plan answers a demand for a machine.
func (m *Model) Plan(d Demand, k Machine) (*Answer, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if k.Cores < 1 || k.Memory <= 0 {
		return nil, fmt.Errorf("a machine has cores and memory: write %s", machineForm)
	}
	a := &Answer{Demand: d, Machine: k, Need: m.NeedOf(d, k.Cores), Fits: true, Most: math.MaxInt}
	for loops := 1; loops <= maxLoops && a.Cores == 0; loops++ {
		if m.NeedOf(d, loops).Busy <= useCPU*float64(loops) {
			a.Cores = loops
		}
	}
	for _, r := range m.resources(k) {
		most := r.most(d)
		l := Limit{Resource: r.name, Unit: r.unit, Need: r.need(d), Usable: r.usable, Factor: float64(most) / float64(d.Viewers)}
		if a.Limits = append(a.Limits, l); most < a.Most {
			a.Most, a.First = most, l
		}
		a.Fits = a.Fits && l.Need <= l.Usable
	}
	m.times(a)
	m.figures(a)
	m.warnings(a)
	a.Settings = settings(a)
	return a, nil
}

// times fills in how long things take.
func (m *Model) times(a *Answer) {
	d, cores := a.Demand, float64(a.Machine.Cores)
	viewers := float64(d.Viewers)
	if left := cores - a.Need.Busy; left > 0 {
		a.Storm = math.Max(viewers*m.Connect.Connect/1e6/left, viewers*m.Connect.Accept/1e6)
	}
	// The loops write to their own viewers of a channel at the same time.
	each := math.Ceil(d.readers() / math.Max(math.Min(cores, d.readers()), 1))
	write := each * m.Delivery.SendTime(viewers, d.Together, d.frame()) / 1000
	call := m.Delivery.Call + m.Delivery.Wake
	if d.Fresh {
		call += m.Publish.Fresh
	}
	a.Alone = call/1000 + write
	// A loop that is busy for a part of the time lets an event wait: as a queue with one length of service.
	if busy := a.Need.Busy / cores; busy < 1 {
		a.Under = a.Alone + busy*write/(2*(1-busy))
	}
}

func (m *Model) figures(a *Answer) {
	d, n := a.Demand, a.Need
	add := func(name, value, note string, list ...variable) {
		f := Figure{Name: name, Value: value, Note: note, Basis: Computed}
		if list != nil {
			f.Basis, f.Why = rest(list...)
		}
		a.Figures = append(a.Figures, f)
	}
	add("deliveries", digits(n.Deliveries)+"/s", fmt.Sprintf("%s publishes/s to %s viewers each", digits(n.Publishes), digits(d.readers())))
	cores, delivered := "none is enough", append(m.delivered(d), m.onCores(max(a.Cores, 1)))
	if a.Cores > 0 {
		cores = fmt.Sprint(a.Cores)
	}
	var parts []string
	for _, p := range n.CPU {
		if p.Cores > n.Busy/100 {
			parts = append(parts, fmt.Sprintf("%s %s", p.What, digits(p.Cores)))
		}
	}
	add("cores", cores, fmt.Sprintf("at most %.0f %% busy; %s are, on %s: %s", useCPU*100, digits(n.Busy), plural(a.Machine.Cores, "core"), strings.Join(parts, ", ")), delivered...)
	memory := fmt.Sprintf("process %v, kernel %v, and %v for what is under way, viewers that do not read %v", Bytes(n.Process), Bytes(n.Kernel), Bytes(n.Underway), Bytes(n.Slow))
	if n.LogMemory > 0 {
		memory += fmt.Sprintf(", the log %v", Bytes(n.LogMemory))
	}
	add("memory", Bytes(n.Memory()).String(), memory, m.held(d)...)
	add("network", bits(n.Out)+" out", fmt.Sprintf("%s in, %s packets/s", bits(n.In), digits(n.Packets)))
	add("descriptors", digits(n.Descriptors), "one for each viewer, and a reserve")
	if d.Kept {
		add("disk", Bytes(n.DiskKept).String(), fmt.Sprintf("written: %v/s, and again when the log sorts itself, which was not measured", Bytes(n.DiskWrite)),
			variable{"bytes of data", float64(d.Size), m.Range.Payload})
	}
	storm := "never: there is no CPU left"
	if a.Storm > 0 {
		storm = digits(a.Storm) + " s"
	}
	add("all come back", storm, fmt.Sprintf("demanded within %v", d.Within), append(m.held(d), m.onCores(a.Machine.Cores))...)
	under := "it cannot keep up under this demand"
	if a.Under > 0 {
		under = fmt.Sprintf("%s ms on the average under this demand", digits(a.Under))
	}
	add("the last viewer of a channel has an event after", digits(a.Alone)+" ms", "on an idle server, without the network; "+under, append(m.delivered(d), m.onCores(a.Machine.Cores))...)
}

// warnings says what the figures do not.
func (m *Model) warnings(a *Answer) {
	d, k := a.Demand, a.Machine
	warn := func(format string, args ...any) { a.Warnings = append(a.Warnings, fmt.Sprintf(format, args...)) }
	if len(m.Missing) > 0 {
		warn("The model has no points for: %s. That counts as nothing here.", strings.Join(m.Missing, ", "))
	}
	if k.Cores > m.Range.Cores {
		warn("Costs were measured on %s. That %d do as much more is an assumption: loops share no data on the way of a delivery, but they share the memory's bandwidth and the network card.", plural(m.Range.Cores, "core"), k.Cores)
	}
	warn("Measured over loopback: interrupts of a network card come on top, and TLS, which a proxy does.")
	for _, p := range a.Need.CPU {
		if p.What == "wake-ups of loops" && p.Cores > a.Need.Busy/4 {
			warn("An event wakes each loop that has viewers of its channel: that is %.0f %% of the CPU here, at most, as a loop that is busy needs no wake-up. Channels with few viewers each gain little from more cores.", 100*p.Cores/a.Need.Busy)
		}
	}
	if s := float64(d.Viewers) * m.Connect.Accept / 1e6; s > d.Within.seconds()/2 {
		warn("One thread accepts connections, for all loops: %s viewers take it %s s at least.", digits(float64(d.Viewers)), digits(s))
	}
	if d.Presence && d.readers() > 200 {
		warn("Presence: each who joins or leaves is told to all %s members of the channel, and gets the list of them: %s deliveries a second, and many times that while all come back.", digits(d.readers()), digits(d.changes()))
	}
	if d.Viewers > proxyPorts {
		warn("A proxy on this machine needs a port for each viewer: %s an address. The lines below use %d addresses.", digits(proxyPorts), addresses(d))
	}
	if held := float64(d.History) / math.Max(float64(d.Rate), 1e-9); d.Kept && held < d.Age.seconds()*0.9 {
		warn("%d events of a channel are %v here, which is less than the %v that they are to be kept: --history %.0f holds those.", d.History,
			Age(time.Duration(held)*time.Second), d.Age, math.Ceil(float64(d.Rate)*d.Age.seconds()))
	}
	if k.Bandwidth == 0 && a.Need.Out > 5e8 {
		warn("%s go out: say what the network takes, as in --machine %dc/%.0fg/10gbit, and it counts.", bits(a.Need.Out), k.Cores, float64(k.Memory)/(1<<30))
	}
	if a.Need.Packets > 1e6 {
		warn("%s packets a second: many network cards of rented machines take less.", digits(a.Need.Packets))
	}
	if a.Cores > k.Cores && a.Most > 0 {
		warn("This machine has %s and %d are needed.", plural(k.Cores, "core"), a.Cores)
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func bits(v float64) string {
	switch {
	case v >= 1e9:
		return digits(v/1e9) + " Gbit/s"
	case v >= 1e6:
		return digits(v/1e6) + " Mbit/s"
	}
	return digits(v/1e3) + " kbit/s"
}
