package model

// Points is everything that was measured of one server on one machine: what a Model is fitted to.
// CPU is that of the whole server process, in µs.
type Points struct {
	// Baseline is what a delivery of the baseline took in the quieter times, in µs; 0 is not known. A cost that has a ratio to the
	// baseline at the same time counts as that many of these: so a machine that is slower at times does not spoil the fit.
	Baseline   float64    `json:"baseline_us,omitempty"`
	Deliveries []Delivery `json:"deliveries"`
	Publishes  []Publish  `json:"publishes"`
	Memory     []Memory   `json:"memory"`
	Kernel     []Kernel   `json:"kernel,omitempty"`
	Connects   []Connect  `json:"connects,omitempty"`
	Idle       []Idle     `json:"idle,omitempty"`
}

// Delivery is bursts of Window events that are published at once, to the channels by turns,
// while Sockets are spread evenly over Channels.
type Delivery struct {
	Sockets  int     `json:"sockets"`
	Channels int     `json:"channels"`
	Window   int     `json:"window"`
	Payload  int     `json:"payload"` // bytes of an event's data
	Frame    int     `json:"frame"`   // bytes of it on the wire, header of the frame included
	Logged   bool    `json:"logged,omitempty"`
	CPU      float64 `json:"cpu_us"`          // for each delivery, the publish included: the median of the rounds
	Ratio    float64 `json:"ratio,omitempty"` // to a delivery of the baseline at the same time
	Low      float64 `json:"low_us"`          // a quarter of the rounds is below
	High     float64 `json:"high_us"`
	Burst    float64 `json:"burst_ms"` // from the publish to the last delivery: the median
	Rounds   int     `json:"rounds"`
}

// events is how many events of a burst a socket gets.
func (d Delivery) events() float64 { return max(1, float64(d.Window)/float64(d.Channels)) }

// readers is how many sockets get an event.
func (d Delivery) readers() float64 { return float64(d.Sockets) / float64(d.Channels) }

// Publish is requests to the HTTP API that nobody listens to.
type Publish struct {
	Payload int     `json:"payload"`
	Fresh   bool    `json:"fresh"`  // a connection for each request
	Logged  bool    `json:"logged"` // durability process
	CPU     float64 `json:"cpu_us"` // for each request
	Ratio   float64 `json:"ratio,omitempty"`
	Written float64 `json:"written"` // bytes that the process wrote to files for each request; 0 is not known
	Rounds  int     `json:"rounds"`
}

// Memory is a process with sockets that are idle.
type Memory struct {
	Sockets  int     `json:"sockets"`
	Channels int     `json:"channels"` // that have subscribers, in all
	Further  int     `json:"further"`  // subscriptions of each socket beyond the first
	Presence bool    `json:"presence"` // the first is to a presence channel
	UserInfo int     `json:"user_info"`
	Start    float64 `json:"start"`    // resident bytes before the first socket
	Resident float64 `json:"resident"` // and now
}

// Kernel is what the kernel's slabs have grown by when sockets came, for both ends of each.
type Kernel struct {
	Sockets int     `json:"sockets"`
	Bytes   float64 `json:"bytes"`
}

// Connect is a storm: dials, each with an upgrade and a subscription.
type Connect struct {
	Sockets int     `json:"sockets"`
	CPU     float64 `json:"cpu_us"` // for each
	Ratio   float64 `json:"ratio,omitempty"`
	Accept  float64 `json:"accept_us"` // of a server that accepts and no more; 0 is not known
}

// Idle is sockets that answer pings and do nothing else.
type Idle struct {
	Sockets int     `json:"sockets"`
	Seconds float64 `json:"seconds"`
	Pings   float64 `json:"pings"` // answered in that time
	CPU     float64 `json:"cpu_us"`
}

// Cost is a CPU time as it would be where the baseline takes Baseline.
func (p Points) Cost(cpu, ratio float64) float64 {
	if ratio > 0 && p.Baseline > 0 {
		return ratio * p.Baseline
	}
	return cpu
}
