package channels

import (
	"context"
	"errors"
	"time"

	"resound/persist"
	"resound/protocol"
)

// NodeID names one run of a server among the nodes of a cluster. It is not 0.
type NodeID uint64

// Broker joins this node's channels with those of the other nodes of a cluster; redisbroker has one. What it brings
// goes to a Receiver. Its methods may be called by any goroutine. Those without a context never wait for the network, and
// may be called under a channel's lock; what they are given is sent in the order of the calls for one topic.
//
// A topic is a channel, or what else nodes tell each other about: a name that no channel can have, with a "/" in front.
type Broker interface {
	// Joined reports whether this node hears the others and is heard. While it is not, each node is on its own.
	Joined() bool
	// Mine reports whether records under this id are, or were, this node's. It has a new id whenever it has joined again after it had parted,
	// so that what could not be dropped meanwhile goes with the lease of the old one.
	Mine(node NodeID) bool
	// Log names the log that the topic's channel is kept in now. It does not wait.
	Log(app, topic string) persist.LogID
	// Others is how many other nodes there are.
	Others() int

	// Publish gives an event its serial, keeps it, and brings it to all nodes, this one too. It does not wait.
	Publish(e Outgoing) Ticket
	// Say brings to the other nodes what is neither numbered nor kept, such as client events. What cannot be brought is dropped and counted.
	Say(app, channel string, except protocol.SocketID, payload []byte)
	// Break notes in the channel's log that something was published that is not in it: a new epoch begins, and all nodes
	// are brought an Event that says so. The ticket says whether it is noted; it does not wait.
	Break(app, channel string) Ticket

	// Subscribe makes the node hear a topic, and returns when it does. Each success wants one Unsubscribe; several are counted.
	Subscribe(ctx context.Context, app, topic string) error
	Unsubscribe(app, topic string)
	// Load returns what there is of a topic. What comes behind it is brought to the Receiver, if the node hears the topic.
	Load(ctx context.Context, app, topic string) (Scene, error)
	// Fetch returns the events of a log with after < serial <= upto, in order: as many as are read at once, at least one if
	// there is one. first is the oldest that is kept; first > after+1 is a hole. An error is errors.Is(err, ErrOtherLog) when
	// the topic's channel is kept in another log by now.
	Fetch(ctx context.Context, app, channel string, log persist.LogID, after, upto uint64) (list []Event, first uint64, err error)

	// Put notes a record of this node on a topic, replacing the one with that key, and tells the nodes that hear the topic. A record stays until
	// it is dropped, replaced, or this node is gone.
	Put(app, topic, key string, value []byte)
	// Drop takes a record of this node away.
	Drop(app, topic, key string)
	// Replace makes list all records of this node on the topic. It tells of what is different only.
	Replace(app, topic string, list []Record)

	// Survey asks all other nodes and returns what they answered until ctx ends, and how many did not.
	Survey(ctx context.Context, app string, question []byte) (answers [][]byte, silent int)
}

// Receiver is what a Broker brings things to; Hub is one. It is called by the broker's goroutines, for one topic by one at a time,
// and does not wait for the network. Bytes are its own from then on.
type Receiver interface {
	// Deliver brings an event that a log has. An event may come twice, or not at all when the node was too slow, and then Fetch has it.
	Deliver(app, channel string, log persist.LogID, e Event)
	// Hear brings what another node has said. loose is an event of a publisher that could not be kept.
	Hear(app, channel string, except protocol.SocketID, payload []byte, loose bool)
	// Noted brings a change of a topic's records: r has no Value when it is gone. version rises by one with each change, and a hole says that Load
	// knows more.
	Noted(app, topic string, version uint64, r Record)
	// Ask answers a question of another node's Survey; nil is no answer.
	Ask(app string, question []byte) []byte

	// Rejoined says that the node is part of the cluster from now on, and that what it knew of others may be old: it notes its records
	// anew and loads what it needs.
	Rejoined()
	// Parted says that it is not any more: what is published reaches this node's sockets only.
	Parted()
	// NodeGone says that all records of a node are gone. With 0 those of all other nodes are: this one has been alone for longer than a lease.
	NodeGone(node NodeID)
}

// Outgoing is an event of a publisher on its way to all nodes.
type Outgoing struct {
	App, Channel string
	ID           uint64 // names this event, so that it is found again when an answer was lost
	Except       protocol.SocketID
	Payload      []byte // of the frame, without a serial
	Keep         persist.Retention
	Cache        time.Duration // how long the newest event is kept for who comes; 0 is none of that
}

// Ticket is an event that is on its way.
type Ticket interface {
	// Wait returns when it has its serial. It is called once. An error is ErrParted or ErrNotKept.
	Wait() error
}

var (
	// ErrParted says that the event did not reach the other nodes, as far as anybody knows, nor this one by way of the broker.
	ErrParted = errors.New("the cluster cannot be reached")
	// ErrNotKept says that the event has reached all nodes and could not be kept.
	ErrNotKept = errors.New("the event is not kept")
	// ErrOtherLog says that a log is not the present one.
	ErrOtherLog = errors.New("another log has begun")
)

// Place is where an event stands.
type Place struct {
	Log    persist.LogID
	Epoch  uint32 // from 1; rises with each Break
	Serial uint64 // dense within a log. Those of a later log are all larger
}

// Event is one event of a log.
type Event struct {
	Serial  uint64
	Epoch   uint32 // in which it stands; of a Break the new one
	ID      uint64
	Time    time.Time
	Except  protocol.SocketID
	Payload []byte
	Break   bool // there is no event: from here on a new epoch counts, one more than before
	Corrupt bool // there was one that cannot be read
}

// Record is what one node has noted on a topic.
type Record struct {
	Node  NodeID
	Key   string
	Value []byte
}

// Scene is what there is of a topic at one moment.
type Scene struct {
	Place          // of the newest event; Serial is what the log begins behind when it has none
	First   uint64 // serial of the oldest event that is kept; Serial+1 when none is
	Kept    *Event // what a cache channel keeps; nil is nothing
	Version uint64 // of Records
	Records []Record
}
