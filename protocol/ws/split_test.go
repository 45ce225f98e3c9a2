package ws

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// manyMessages is a stream with all that a good client may send, and what it
// says. Its longest message has size bytes.
func manyMessages(size int) (stream []byte, want []got) {
	const c = opContinuation
	middle, long := strings.Repeat("m", 130), strings.Repeat("é", size/2)
	stream = join(
		frame(OpText, `{"event":"pusher:ping"}`),
		frame(OpText, ""),
		frame(OpPing, ""),
		part(OpText, "a€"[:2]), frame(OpPing, "in"), part(c, "a€"[2:]), part(c, ""), frame(OpPong, "side"), frame(c, middle),
		part(OpBinary, ""), frame(c, "\xff"),
		frame(OpBinary, middle),
		frame(OpText, long),
		part(OpText, long[:size/2|1]), frame(c, long[size/2|1:]),
		frame(OpClose, "\x03\xe9bye"),
	)
	want = []got{
		text(`{"event":"pusher:ping"}`), text(""), ping(""), ping("in"), pong("side"), text("a€" + middle),
		{OpBinary, "\xff"}, {OpBinary, middle}, text(long), text(long), {OpClose, "\x03\xe9bye"},
	}
	return stream, want
}

// faultyEnds are the ends of a stream in TestSplitAnywhere, where the longest
// message is as long as the limit allows.
func faultyEnds(limit int) map[*CloseError][]byte {
	return map[*CloseError][]byte{
		nil:             nil,
		errReservedBits: rawFrame(true, 4, OpText, "x"),
		errTextUTF8:     join(part(OpText, "\xc3"), frame(opContinuation, "\xc3")),
		errTooBig:       frame(OpText, strings.Repeat("x", limit+1)),
	}
}

// TestSplitAnywhere cuts a stream of many messages, with and without a fault at
// its end, at every byte.
func TestSplitAnywhere(t *testing.T) {
	const limit = 400
	good, want := manyMessages(limit)
	for fault, end := range faultyEnds(limit) {
		stream := join(good, end)
		for cut := 0; cut <= len(stream) && !t.Failed(); cut++ {
			decode(t, limit, stream[:cut], stream[cut:]).want(t, want, fault)
		}
	}
}

// TestSplitManyTimes cuts a longer one, where lengths take 8 bytes, into single
// bytes and at random.
func TestSplitManyTimes(t *testing.T) {
	const limit = 66_000
	good, want := manyMessages(limit)
	for fault, end := range faultyEnds(limit) {
		stream := join(good, end)
		decode(t, limit, stream).want(t, want, fault)
		decode(t, limit, bytewise(stream)...).want(t, want, fault)
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		for range 20 {
			decode(t, limit, randomly(r, stream)...).want(t, want, fault)
		}
		if t.Failed() {
			t.Fatalf("ends with %v, seed %d", fault, seed)
		}
	}
}

// randomly cuts b into pieces, most of them small.
func randomly(r *rand.Rand, b []byte) (chunks [][]byte) {
	for len(b) > 0 {
		n := min(1+r.IntN(1<<r.IntN(16)), len(b))
		chunks = append(chunks, b[:n])
		b = b[n:]
	}
	return chunks
}

// TestSplitInThree makes every two cuts of a short stream, where most of the
// bytes are headers.
func TestSplitInThree(t *testing.T) {
	stream := join(frame(OpText, "é"), part(OpText, "1"), frame(OpPing, ""), part(opContinuation, ""),
		frame(opContinuation, "2"), frame(OpBinary, strings.Repeat("x", 126)), frame(OpClose, ""))
	want := []got{text("é"), ping(""), text("12"), {OpBinary, strings.Repeat("x", 126)}, {OpClose, ""}}
	for i := range stream {
		for j := i; j < len(stream) && !t.Failed(); j++ {
			decode(t, 200, stream[:i], stream[i:j], stream[j:]).want(t, want, nil)
		}
	}
}
