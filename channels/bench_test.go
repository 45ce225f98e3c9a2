package channels

import (
	"fmt"
	"testing"

	"resound/protocol"
)

// BenchmarkPublish is one publication to 1,000 subscribers of one loop, delivered.
func BenchmarkPublish(b *testing.B) {
	n := newNode(b, 1)
	list := n.counters(b, "a", 1000)
	name, event, data := []byte("a"), protocol.Raw(`"e"`), protocol.Raw(`"{\"id\":1}"`)
	mailbox := make([]Task, 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		n.loops[0].tasks = mailbox
		n.app.Publish(name, event, data, nobody)
		n.loops[0].turn(all, all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(list[0].sent)/1000, "ns/delivery")
}

// BenchmarkManyChannels is one publication to each of many channels with one subscriber each, all
// in the mailbox at once: what a deploy or a mass notification looks like.
func BenchmarkManyChannels(b *testing.B) {
	for _, count := range []int{1000, 20_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			n := newNode(b, 1)
			c := &counter{id: protocol.SocketID{A: 1, B: 1}}
			names := make([][]byte, count)
			for i := range names {
				names[i] = fmt.Append(nil, "c", i)
				if err := n.app.Subscribe(c, &c.subs, protocol.Command{Channel: names[i]}); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				for _, name := range names {
					n.app.Publish(name, protocol.Raw(`"e"`), protocol.Raw(`1`), nobody)
				}
				for n.loops[0].turn(all, 512) {
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(c.sent), "ns/event")
		})
	}
}

// BenchmarkSubscribe is one subscription and its end: on a channel that others are on, on a
// channel of its own, and on one that takes a signature.
func BenchmarkSubscribe(b *testing.B) {
	for _, bc := range []struct{ name, channel string }{
		{"shared", "shared"}, {"own", "own"}, {"private", "private-own"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			n := newNode(b, 1)
			n.counters(b, "shared", 1000)
			c := &counter{id: protocol.SocketID{A: 5000, B: 1}}
			command := protocol.Command{Channel: []byte(bc.channel)}
			command.Auth = []byte(n.app.Signer().Channel(c.id, command.Channel, nil))
			b.ReportAllocs()
			for b.Loop() {
				if err := n.app.Subscribe(c, &c.subs, command); err != nil {
					b.Fatal(err)
				}
				n.app.Unsubscribe(&c.subs, command.Channel)
			}
		})
	}
}

// BenchmarkPresenceJoin is one member who comes to 1,000 and leaves again.
func BenchmarkPresenceJoin(b *testing.B) {
	n := newNode(b, 1)
	join := func(c *counter, id string) protocol.Command {
		data := []byte(`{"user_id":` + id + `,"user_info":{"name":"Somebody"}}`)
		command := protocol.Command{Channel: []byte(room), ChannelData: data}
		command.Member, _ = protocol.ParseMember(data)
		command.Auth = []byte(n.app.Signer().Channel(c.id, command.Channel, data))
		if err := n.app.Subscribe(c, &c.subs, command); err != nil {
			b.Fatal(err)
		}
		return command
	}
	for i := range 1000 {
		join(&counter{id: protocol.SocketID{A: uint32(i) + 1, B: 1}}, fmt.Sprint(i))
	}
	n.settle()
	c := &counter{id: protocol.SocketID{A: 5000, B: 1}}
	command := join(c, "5000")
	n.app.Unsubscribe(&c.subs, command.Channel)
	n.settle()
	b.ReportAllocs()
	for b.Loop() {
		if err := n.app.Subscribe(c, &c.subs, command); err != nil {
			b.Fatal(err)
		}
		n.app.Unsubscribe(&c.subs, command.Channel)
		n.settle()
	}
}
