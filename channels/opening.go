package channels

import (
	"context"
	"sync/atomic"

	"resound/protocol"
)

// opening is a subscription that waits until the log of its channel is open: that takes the disk, which
// no loop may wait for. It belongs to the subscriber's loop, and is over when it is no longer in its list.
type opening struct {
	app     *App
	sub     Subscriber
	subs    *Subscriptions
	command protocol.Command // its own bytes
	over    atomic.Bool      // it is in no list any more
}

func (o *opening) dead() bool { return o.over.Load() }

// cold reports whether the log of the channel has to be opened before the command can be done.
func (a *App) cold(c protocol.Command) bool {
	clustered := a.hub.broker != nil
	if !a.hub.Waits() || !clustered && !c.Replay.Opted && !protocol.IsCache(c.Channel) {
		return false
	}
	ch := a.find(c.Channel)
	switch {
	case ch == nil && clustered:
		return a.hub.broker.Joined()
	case ch == nil:
		return protocol.IsCache(c.Channel) || a.Settings().HistoryOf(string(c.Channel)).Messages > 0
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.needsLog(c.Replay.Opted)
}

// needsLog reports whether a subscriber has to wait until the log is open: it wants its place there, or the event that a
// cache channel has kept, or what other nodes publish. The caller holds mu.
func (c *Channel) needsLog(opted bool) bool {
	return (opted || c.cache != nil || c.app.hub.broker != nil) && c.logs() && !c.ready()
}

// wait puts the subscription off until the log is open.
func (a *App) wait(sub Subscriber, subs *Subscriptions, c protocol.Command) {
	subs.forget(c.Channel)
	o := &opening{app: a, sub: sub, subs: subs, command: c.Clone()}
	subs.change(func(r *rare) { r.waits = append(r.waits, o) })
	a.hub.replays.add(o)
}

// load opens the log. It runs on a replay goroutine.
func (o *opening) load(context.Context) {
	ch := o.app.hold(o.command.Channel)
	ch.mu.Unlock()
	if o.app.gone.Load() {
		o.app.release(ch) // nobody will look for it any more
	}
	o.app.hub.post(o.sub.Slot(), Call(o.done))
	o.app.hub.replays.done()
}

// done does the subscription, unless it has been taken back.
func (o *opening) done() {
	if o.subs.remaining(o) {
		if err := o.app.Subscribe(o.sub, o.subs, o.command); err != nil {
			Refuse(o.sub, o.command, err)
		}
	}
}

// remaining takes the opening out of the list and reports whether it was there.
func (s *Subscriptions) remaining(o *opening) bool {
	for i, other := range s.more().waits {
		if other == o {
			s.drop(i)
			return true
		}
	}
	return false
}

// forget takes back the subscription to that channel which waits, if one does.
func (s *Subscriptions) forget(channel []byte) {
	for i, o := range s.more().waits {
		if string(o.command.Channel) == string(channel) {
			s.drop(i)
			return
		}
	}
}

func (s *Subscriptions) drop(i int) {
	s.change(func(r *rare) {
		r.waits[i].over.Store(true)
		last := len(r.waits) - 1
		r.waits[i], r.waits[last] = r.waits[last], nil
		r.waits = r.waits[:last]
	})
}

// Refuse tells the client that its command was refused. A subscription is refused on its channel
// as well, which Reverb does not do: without it Echo's .error() never fires. It runs on the client's loop.
func Refuse(client Subscriber, c protocol.Command, err *protocol.Error) {
	if err.Closes {
		client.Close(err)
		return
	}
	client.Send(err.Frame())
	if c.Verb != protocol.VerbSubscribe || len(c.Channel) == 0 {
		return
	}
	kind, status := "LimitReached", 429
	switch err.Code {
	case protocol.ErrUnauthorized.Code:
		kind, status = "AuthError", 401
	case protocol.ErrInvalidChannel.Code:
		kind, status = "Invalid", 400
	}
	client.Send(protocol.SubscriptionError(string(c.Channel), kind, err.Text, status))
}
