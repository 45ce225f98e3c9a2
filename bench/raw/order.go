package raw

import "encoding/binary"

// How an Order is carried out.
const (
	// Write gives each socket a frame with one write(2), and does so Frames
	// times over all of them.
	Write = 1
	// Writev gives each socket all Frames with one writev(2).
	Writev = 2
)

// An Order is one burst: Frames frames of Size bytes, their headers included,
// to each socket, or to the first so many if Sockets is not 0. Frames is at most
// 1,024 and Size at most 1 MB.
type Order struct {
	How     uint32
	Frames  uint32
	Size    uint32
	Sockets uint32
}

// orderLen is the size of an Order on the wire.
const orderLen = 16

// Append appends the order to dst as the control connection takes it.
func (o Order) Append(dst []byte) []byte {
	for _, v := range []uint32{o.How, o.Frames, o.Size, o.Sockets} {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}

// parseOrder reads the order that b starts with.
func parseOrder(b []byte) Order {
	at := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	return Order{at(0), at(1), at(2), at(3)}
}
