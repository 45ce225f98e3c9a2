package model

// A Model is what things cost, in µs of CPU and in bytes. Make it with FitPoints.
type Model struct {
	Memory   MemoryCost   `json:"memory"`
	Delivery DeliveryCost `json:"delivery"`
	Publish  PublishCost  `json:"publish"`
	Connect  ConnectCost  `json:"connect"`
	Idle     IdleCost     `json:"idle"`
	Log      LogCost      `json:"log"`

	Fits    []Fit    `json:"fits"`    // how good each is
	Missing []string `json:"missing"` // what no point was measured for: it counts as nothing
	Range   Range    `json:"range"`
}

// MemoryCost is resident bytes of the process, and of the kernel.
type MemoryCost struct {
	Start        float64 `json:"start"`        // of the process without sockets
	Warm         float64 `json:"warm"`         // once there were a few
	Socket       float64 `json:"socket"`       // a connection with its first subscription
	Subscription float64 `json:"subscription"` // each further one
	Member       float64 `json:"member"`       // of a presence channel, without user_info
	UserInfo     float64 `json:"user_info"`    // for each byte of it
	Channel      float64 `json:"channel"`      // that has subscribers
	Kernel       float64 `json:"kernel"`       // the server's end of a connection, with nothing under way
}

// DeliveryCost is µs. A send is what one system call takes to a socket: one event, or
// those that were published together.
type DeliveryCost struct {
	Send  float64 `json:"send"`  // while few sockets fill the caches
	Crowd float64 `json:"crowd"` // what a send takes longer when they are many: half of it with Half sockets
	Half  float64 `json:"half"`
	Event float64 `json:"event"` // each event of a send
	First float64 `json:"first"` // each byte of a send up to Bend
	Bend  float64 `json:"bend"`
	Byte  float64 `json:"byte"` // each byte
	Wake  float64 `json:"wake"` // a turn of a loop, for as many events as came together
	Call  float64 `json:"call"` // a publish that came together with others
}

// PublishCost is µs of a request to the API.
type PublishCost struct {
	Kept      float64 `json:"kept"`       // over a connection that is there
	Fresh     float64 `json:"fresh"`      // more, with a connection of its own
	Byte      float64 `json:"byte"`       // each byte of data
	FreshByte float64 `json:"fresh_byte"` // each byte of data more, over a connection of its own
}

// ConnectCost is µs.
type ConnectCost struct {
	Connect float64 `json:"connect"` // dial, upgrade and subscription
	Accept  float64 `json:"accept"`  // of that, at most, on the one thread that accepts
}

// IdleCost is µs.
type IdleCost struct {
	Second float64 `json:"second"` // of the process without sockets
	Socket float64 `json:"socket"` // each socket and second
	Ping   float64 `json:"ping"`   // each ping and its answer
}

// LogCost is µs and bytes of a message that is kept.
type LogCost struct {
	Append  float64 `json:"append"`  // µs
	Byte    float64 `json:"byte"`    // µs for each byte
	Message float64 `json:"message"` // bytes written to disk, beside the data
	Written float64 `json:"written"` // bytes written for each byte of data
}

// A Span is what was measured of something, from Low to High, at these values.
type Span struct {
	Low  float64   `json:"low"`
	High float64   `json:"high"`
	At   []float64 `json:"at"`
}

// Range is where the points lie.
type Range struct {
	Sockets  Span `json:"sockets"`  // of deliveries
	Held     Span `json:"held"`     // of memory
	Frame    Span `json:"frame"`    // bytes
	Sent     Span `json:"sent"`     // bytes of a send
	Together Span `json:"together"` // events in a send
	Payload  Span `json:"payload"`  // of publishes
	UserInfo Span `json:"user_info"`
	Cores    int  `json:"cores"` // that the server had
}

// A Fit says how well a part of the model meets its points.
type Fit struct {
	Quantity string     `json:"quantity"`
	Unit     string     `json:"unit"`
	Points   int        `json:"points"`
	Median   float64    `json:"median"` // of |predicted / measured - 1|
	Worst    float64    `json:"worst"`
	Each     []Residual `json:"each"`
}

// Residual is one point of a fit.
type Residual struct {
	Point     string  `json:"point"`
	Measured  float64 `json:"measured"`
	Predicted float64 `json:"predicted"`
}

// Error is predicted / measured - 1.
func (r Residual) Error() float64 { return r.Predicted/r.Measured - 1 }

// Send is µs of one send of so many events of frame bytes each, where so many sockets are served.
func (c DeliveryCost) SendTime(sockets, events, frame float64) float64 {
	bytes := events * frame
	return c.Send + c.Crowd*crowded(sockets, c.Half) + events*c.Event + c.First*min(bytes, c.Bend) + c.Byte*bytes
}

// crowded rises from 0 to 1 as sockets fill the caches.
func crowded(sockets, half float64) float64 {
	if half == 0 {
		return 0
	}
	return sockets / (sockets + half)
}

// Delivery predicts Delivery.CPU.
func (m *Model) Predict(d Delivery) float64 {
	c := m.Delivery
	perBurst := float64(d.Window) * d.readers() // deliveries
	sends := perBurst / d.events()
	cost := sends*c.SendTime(float64(d.Sockets), d.events(), float64(d.Frame)) + c.Wake +
		float64(d.Window)*(c.Call+m.Publish.Byte*float64(d.Payload))
	if d.Logged {
		cost += float64(d.Window) * (m.Log.Append + m.Log.Byte*float64(d.Payload))
	}
	return cost / perBurst
}

// PredictPublish predicts Publish.CPU.
func (m *Model) PredictPublish(p Publish) float64 {
	cost := m.Publish.Kept + m.Publish.Byte*float64(p.Payload)
	if p.Fresh {
		cost += m.Publish.Fresh + m.Publish.FreshByte*float64(p.Payload)
	}
	if p.Logged {
		cost += m.Log.Append + m.Log.Byte*float64(p.Payload)
	}
	return cost
}

// PredictMemory predicts Memory.Resident of a process that starts with its Start bytes.
func (m *Model) PredictMemory(p Memory) float64 {
	c, n := m.Memory, float64(p.Sockets)
	bytes := p.Start + c.Warm + n*(c.Socket+float64(p.Further)*c.Subscription) + float64(p.Channels)*c.Channel
	if p.Presence {
		bytes += n * (c.Member + float64(p.UserInfo)*c.UserInfo)
	}
	return bytes
}
