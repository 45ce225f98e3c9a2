package bench

import (
	"fmt"
	"slices"
)

// seconds is how long the recording is.
func (r *Recording) seconds() float64 { return float64(r.Intervals) * r.Every.Seconds() }

// total is how many messages a channel had.
func (c RecordedChannel) total() (n float64) {
	for _, m := range c.Messages {
		n += float64(m)
	}
	return n
}

// deliveries is how many a channel had, about.
func (c RecordedChannel) deliveries() float64 { return c.total() * c.Subscriptions }

// size is the mean of its messages as frames, in bytes; 0 if there were none.
func (c RecordedChannel) size() float64 {
	if n := c.total(); n > 0 {
		return float64(c.Bytes) / n
	}
	return 0
}

// rates is what was said and delivered in each interval, for a second.
func (r *Recording) rates() (messages, deliveries []float64) {
	messages, deliveries = make([]float64, r.Intervals), make([]float64, r.Intervals)
	for _, c := range r.Channels {
		for i, m := range c.Messages {
			messages[i] += float64(m) / r.Every.Seconds()
			deliveries[i] += float64(m) * c.Subscriptions / r.Every.Seconds()
		}
	}
	return messages, deliveries
}

// Table sums up, and shows the busiest channels.
func (r *Recording) Table() Table {
	messages, deliveries := r.rates()
	t := Table{
		Title:  fmt.Sprintf("Traffic of %s, %s in %.0f s", plural(slices.Max(r.Connections), "connection"), plural(len(r.Channels), "channel"), r.seconds()),
		Header: []string{"channel", "subscriptions", "messages/s", "bytes a frame", "deliveries/s", "of all"},
	}
	all := mean(deliveries)
	row := func(name string, subscriptions, rate, size, delivered float64) {
		part := "–"
		if all > 0 {
			part = number(delivered/all*100) + " %"
		}
		t.Rows = append(t.Rows, []string{name, thousands(subscriptions), number(rate), thousands(size), thousands(delivered), part})
	}
	const busiest = 10
	var subscriptions, bytes, count float64
	for i, c := range r.Channels {
		subscriptions, bytes, count = subscriptions+c.Subscriptions, bytes+float64(c.Bytes), count+c.total()
		if i < busiest {
			row(fmt.Sprintf("%s %d", c.Kind, i+1), c.Subscriptions, c.total()/r.seconds(), c.size(), c.deliveries()/r.seconds())
		}
	}
	row("all", subscriptions, mean(messages), bytes/max(count, 1), all)
	t.Notes = append(t.Notes, fmt.Sprintf("Busiest interval of %v: %s messages and %s deliveries a second.", r.Every, thousands(slices.Max(messages)), thousands(slices.Max(deliveries))))
	if !r.Counted {
		t.Notes = append(t.Notes, "This server has no counters (info=traffic): there are subscriptions, and no messages.")
	}
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: this is what had been seen.")
	}
	return t
}

// Figures shows the traffic over the time.
func (r *Recording) Figures() []Figure {
	messages, deliveries := r.rates()
	at := make([]float64, r.Intervals)
	for i := range at {
		at[i] = float64(i+1) * r.Every.Seconds()
	}
	return []Figure{{Name: "recorded-traffic", Title: "Recorded traffic", X: "seconds", Y: "a second", LogY: slices.Min(messages) > 0,
		Lines: []Line{{Name: "messages", X: at, Y: messages}, {Name: "deliveries", X: at, Y: deliveries}}}}
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(max(len(list), 1))
}
