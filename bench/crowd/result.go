package crowd

import "resound/bench/hist"

// Result is what came out of the steady window, in one process or, merged, in all.
type Result struct {
	From   int64           `json:"from"` // the steady window, Unix time in nanoseconds
	End    int64           `json:"end"`
	Groups []GroupResult   `json:"groups"`
	Late   *hist.Histogram `json:"late"` // how late the load was with what was due
}

// Tally is what became of the events of one kind.
type Tally struct {
	Sent       int64 `json:"sent"`       // and acknowledged, if they are by HTTP
	Failed     int64 `json:"failed"`     // refused by the server, or there was nobody to send them; nobody got them, which counts as lost
	Delivered  int64 `json:"delivered"`  // to sockets, each once
	Lost       int64 `json:"lost"`       // deliveries that did not come within the patience
	Duplicates int64 `json:"duplicates"` // deliveries of what had come before
	Disorder   int64 `json:"disorder"`   // deliveries behind a later event of the channel
	Excused    int64 `json:"excused"`    // deliveries that need not come: the socket was cut off, or was told of a gap
}

// GroupResult is what a group had. Events count that were due in the steady window, sockets that came or left in it.
type GroupResult struct {
	Group    string `json:"group"`
	Events   Tally  `json:"events"`
	Whispers Tally  `json:"whispers"`
	Bytes    int64  `json:"bytes"` // that the sockets read
	Stray    int64  `json:"stray"` // messages for a channel that the socket was not subscribed to

	Cached    int64 `json:"cached,omitempty"`     // events that a cache channel gave to who subscribed
	Replayed  int64 `json:"replayed,omitempty"`   // of Events.Delivered, to who came back
	Gaps      int64 `json:"gaps,omitempty"`       // times that the server said it has not everything
	NoHistory int64 `json:"no_history,omitempty"` // subscriptions that asked for replay and got no position

	Left     int64 `json:"left,omitempty"` // sockets whose seat another one took
	Dropped  int64 `json:"dropped,omitempty"`
	Returned int64 `json:"returned,omitempty"`
	Joined   int64 `json:"joined,omitempty"` // member_added to others
	Parted   int64 `json:"parted,omitempty"` // member_removed

	Closed map[string]int64 `json:"closed,omitempty"` // sockets that the server refused or closed, by reason
	Errors map[string]int64 `json:"errors,omitempty"` // what else went wrong

	Latency Latency `json:"latency"`
}

// Latency is how long things took.
type Latency struct {
	Delivery  *hist.Histogram `json:"delivery"`  // from when an event was due to a socket
	Publish   *hist.Histogram `json:"publish"`   // from when it was due to the answer
	Whisper   *hist.Histogram `json:"whisper"`   // from when it was due to a socket
	Connect   *hist.Histogram `json:"connect"`   // from the upgrade to a subscription, before the play
	Subscribe *hist.Histogram `json:"subscribe"` // the same, in it
	Joined    *hist.Histogram `json:"joined"`    // from a member's subscription to another member
	CatchUp   *hist.Histogram `json:"catch_up"`  // from the dial to having all that was due before
	// Back is from when a server closed a socket to its subscriptions on the next; nil in results that are older.
	Back *hist.Histogram `json:"back,omitempty"`
}

// NewGroupResult returns one that counts nothing yet.
func NewGroupResult(name string) GroupResult {
	return GroupResult{Group: name, Closed: map[string]int64{}, Errors: map[string]int64{},
		Latency: Latency{hist.New(), hist.New(), hist.New(), hist.New(), hist.New(), hist.New(), hist.New(), hist.New()}}
}

// Merge adds what another process, or another round, had.
func (r *Result) Merge(o *Result) {
	if r.Groups == nil {
		r.From, r.End, r.Late = o.From, o.End, hist.New()
		for _, g := range o.Groups {
			r.Groups = append(r.Groups, NewGroupResult(g.Group))
		}
	}
	r.Late.Merge(o.Late)
	for i := range r.Groups {
		r.Groups[i].Merge(&o.Groups[i])
	}
}

// Total is all groups as one.
func (r *Result) Total() GroupResult {
	t := NewGroupResult("")
	for i := range r.Groups {
		t.Merge(&r.Groups[i])
	}
	return t
}

// Merge adds what another had.
func (g *GroupResult) Merge(o *GroupResult) {
	g.Events.add(o.Events)
	g.Whispers.add(o.Whispers)
	for _, n := range []struct{ to, from *int64 }{
		{&g.Bytes, &o.Bytes}, {&g.Stray, &o.Stray}, {&g.Cached, &o.Cached}, {&g.Replayed, &o.Replayed}, {&g.Gaps, &o.Gaps}, {&g.NoHistory, &o.NoHistory},
		{&g.Left, &o.Left}, {&g.Dropped, &o.Dropped}, {&g.Returned, &o.Returned}, {&g.Joined, &o.Joined}, {&g.Parted, &o.Parted},
	} {
		*n.to += *n.from
	}
	for reason, n := range o.Closed {
		g.Closed[reason] += n
	}
	for reason, n := range o.Errors {
		g.Errors[reason] += n
	}
	into, from := g.Latency.all(), o.Latency.all()
	for i := range into {
		if from[i] != nil {
			into[i].Merge(from[i])
		}
	}
}

func (l Latency) all() []*hist.Histogram {
	return []*hist.Histogram{l.Delivery, l.Publish, l.Whisper, l.Connect, l.Subscribe, l.Joined, l.CatchUp, l.Back}
}

func (t *Tally) add(o Tally) {
	t.Sent += o.Sent
	t.Failed += o.Failed
	t.Delivered += o.Delivered
	t.Lost += o.Lost
	t.Duplicates += o.Duplicates
	t.Disorder += o.Disorder
	t.Excused += o.Excused
}
