package model

import "math"

// What is on the wire around a frame, in bytes, and what is stated rather than measured.
const (
	segment      = 1448      // of a frame in one packet of Ethernet
	headers      = 66        // Ethernet, IP and TCP with timestamps, of a packet
	acknowledge  = 0.5       // acknowledgements for each packet
	httpRequest  = 420       // head of a signed publish, beside its data
	httpAnswer   = 130       // all of its answer
	handshake    = 3         // packets each way that open and close a connection
	logMemory    = 160 << 20 // tables of the log, its cache and the newest events (replay_memory), at most
	pongPatience = 30        // seconds after a ping until a socket that is gone is closed
	sendBuffer   = 1 << 20   // the kernel's, of a socket that does not read, with the settings of Settings
	roundTrip    = 0.1       // seconds until a packet is acknowledged, and leaves the kernel's memory
	packetMemory = 1 << 10   // of the kernel, beside what is in the packet
	otherFiles   = 300       // descriptors: the log, listeners, and a reserve
)

// Need is what a demand takes of a machine.
type Need struct {
	Deliveries float64   `json:"deliveries"` // a second, those that say who joined or left included
	Publishes  float64   `json:"publishes"`  // a second
	CPU        []CPUPart `json:"cpu"`        // by what takes it
	Busy       float64   `json:"busy"`       // cores, on the average: the sum of CPU

	Process   float64 `json:"process"`  // bytes
	LogMemory float64 `json:"log"`      // bytes
	Kernel    float64 `json:"kernel"`   // bytes
	Underway  float64 `json:"underway"` // bytes of the kernel, for what is sent and not yet acknowledged
	Slow      float64 `json:"slow"`     // bytes that are kept back for viewers that do not read
	Out       float64 `json:"out_bits"` // bits a second
	In        float64 `json:"in_bits"`
	Packets   float64 `json:"packets"` // a second, both ways

	Descriptors float64 `json:"descriptors"`
	DiskWrite   float64 `json:"disk_write"` // bytes a second
	DiskKept    float64 `json:"disk_kept"`  // bytes
}

// CPUPart is cores for one thing.
type CPUPart struct {
	What  string  `json:"what"`
	Cores float64 `json:"cores"`
}

// Memory is all of it, in bytes.
func (n Need) Memory() float64 { return n.Process + n.LogMemory + n.Kernel + n.Underway + n.Slow }

// NeedOf is what a demand takes of a server with so many loops.
func (m *Model) NeedOf(d Demand, loops int) Need {
	viewers, publishes := float64(d.Viewers), d.publishes()
	n := Need{Publishes: publishes, Deliveries: d.deliveries() + d.changes()}
	sends := d.deliveries() / d.Together
	call := m.Delivery.Call + m.Publish.Byte*float64(d.Size)
	if d.Fresh {
		call += m.Publish.Fresh + m.Publish.FreshByte*float64(d.Size)
	}
	// A channel with readers on several loops wakes each of them.
	wakes := (publishes/d.Together + m.joins(d)) * math.Min(float64(loops), math.Max(d.readers(), 1))
	add := func(what string, us float64) {
		if us > 0 {
			n.CPU = append(n.CPU, CPUPart{what, us / 1e6})
			n.Busy += us / 1e6
		}
	}
	add("deliveries", sends*m.Delivery.SendTime(viewers, d.Together, d.frame()))
	add("joins and leaves of presence", d.changes()*m.Delivery.SendTime(viewers, 1, memberFrame(d)))
	add("publishes", publishes*call)
	add("wake-ups of loops", wakes*m.Delivery.Wake)
	add("connects", d.connects()*m.Connect.Connect)
	add("pings and idle sockets", viewers/d.Ping.seconds()*m.Idle.Ping+viewers*m.Idle.Socket+m.Idle.Second)
	c := m.Memory
	n.Process = c.Start + c.Warm + viewers*(c.Socket+float64(d.Subscriptions-1)*c.Subscription) + float64(d.Channels)*c.Channel
	if d.Presence {
		n.Process += viewers * float64(d.Subscriptions) * (c.Member + float64(d.UserInfo)*c.UserInfo)
	}
	n.Kernel = viewers * c.Kernel
	// All who read one channel may be far away at the same time.
	n.Underway = math.Max(sends*roundTrip, d.readers()) * (d.Together*d.frame() + packetMemory)
	unread := float64(d.Rate) * float64(d.Subscriptions) * d.frame() * (d.Ping.seconds() + pongPatience)
	n.Slow = viewers * d.Slow * math.Min(unread, float64(d.Backlog)+sendBuffer)
	if d.Kept {
		add("the log", publishes*(m.Log.Append+m.Log.Byte*float64(d.Size)))
		message := m.Log.Message + m.Log.Written*float64(d.Size)
		n.DiskWrite = publishes * message
		n.DiskKept = float64(d.Channels) * message * math.Min(float64(d.History), float64(d.Rate)*d.Age.seconds())
		n.LogMemory = logMemory
	}
	packets := sends*math.Ceil(d.Together*d.frame()/segment) + d.changes()*math.Ceil(memberFrame(d)/segment)
	n.Out = 8 * (d.deliveries()*d.frame() + d.changes()*memberFrame(d) + packets*headers)
	requests := publishes * math.Ceil((httpRequest+float64(d.Size))/segment)
	connections := 0.0 // packets each way
	if d.Fresh {
		connections = publishes * handshake
	}
	n.Out += 8 * (publishes*(httpAnswer+headers) + connections*headers)
	n.In = 8 * (publishes*(httpRequest+float64(d.Size)) + (requests+packets*acknowledge+connections)*headers)
	n.Packets = packets*(1+acknowledge) + requests + publishes + 2*connections
	n.Descriptors = viewers + otherFiles
	return n
}

// joins is publications a second that say who joined or left.
func (m *Model) joins(d Demand) float64 {
	if !d.Presence {
		return 0
	}
	return 2 * d.connects() * float64(d.Subscriptions)
}

// memberFrame is the bytes of "member_added".
func memberFrame(d Demand) float64 { return float64(d.Envelope+60) + float64(d.UserInfo) }
