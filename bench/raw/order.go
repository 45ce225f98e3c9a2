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
// to each socket. Frames is at most 1,024 and Size at most 1 MB.
type Order struct {
	How    uint32
	Frames uint32
	Size   uint32
}

// orderLen is the size of an Order on the wire.
const orderLen = 12

// Append appends the order to dst as the control connection takes it.
func (o Order) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, o.How)
	dst = binary.BigEndian.AppendUint32(dst, o.Frames)
	return binary.BigEndian.AppendUint32(dst, o.Size)
}

// parseOrder reads the order that b starts with.
func parseOrder(b []byte) Order {
	return Order{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])}
}
