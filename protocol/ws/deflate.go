package ws

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
)

// bitDeflated is RSV1: RFC 7692 sets it in the first frame of a compressed message.
const bitDeflated = 0x40

// deflateLevel takes 10 % off what level 1 makes of an event of 1 to 16 KB, for about half more time, and
// what it makes goes to many. BenchmarkDeflate has the figures.
const deflateLevel = 6

// maxPooled is the most bytes of a message that what is in a pool may keep room for.
const maxPooled = 64 << 10

// flushed ends what a compressor flushes: an empty stored block, which RFC 7692 leaves out on the wire.
const flushed = "\x00\x00\xff\xff"

// deflateTail is what a compressed message lacks to be a DEFLATE stream that ends.
const deflateTail = flushed + "\x01\x00\x00\xff\xff"

// deflater compresses one message after the other. It takes about a megabyte, so a few are shared by all.
type deflater struct {
	writer *flate.Writer
	out    bytes.Buffer
}

var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	d.writer, _ = flate.NewWriter(&d.out, deflateLevel) // fails for a level that there is not
	return d
}}

// DeflatedFrame returns a server's frame with the payload compressed on its own as RFC 7692 wants it,
// or nil where that would be no shorter than the plain frame. Any number of goroutines may call it.
func DeflatedFrame(op Opcode, payload []byte) []byte {
	d := deflaters.Get().(*deflater)
	defer d.release()
	d.writer.Reset(&d.out)
	_, _ = d.writer.Write(payload) // a buffer takes all
	_ = d.writer.Flush()
	short := bytes.TrimSuffix(d.out.Bytes(), []byte(flushed))
	size := HeaderLen(len(short)) + len(short)
	if size >= HeaderLen(len(payload))+len(payload) {
		return nil
	}
	frame := AppendFrame(make([]byte, 0, size), op, short)
	frame[0] |= bitDeflated
	return frame
}

func (d *deflater) release() {
	if d.out.Reset(); d.out.Cap() > maxPooled {
		d.out = bytes.Buffer{}
	}
	deflaters.Put(d)
}

// inflater decompresses one message after the other. It takes about 40 KB, and no connection has one of its own.
type inflater struct {
	reader io.ReadCloser // also a flate.Resetter
	in     bytes.Reader
	whole  []byte // a message with its tail
	out    []byte
}

var inflaters = sync.Pool{New: func() any {
	i := new(inflater)
	i.reader = flate.NewReader(&i.in)
	return i
}}

// inflate decompresses the payload of a message. The result is the caller's, and at most limit bytes long.
func inflate(payload []byte, limit int) (text []byte, err *CloseError) {
	i := inflaters.Get().(*inflater)
	defer i.release()
	if err = i.inflate(payload, bounded(limit)); err != nil {
		return nil, err
	}
	return bytes.Clone(i.out), nil
}

func (i *inflater) release() {
	if cap(i.whole) > maxPooled {
		i.whole = nil
	}
	if cap(i.out) > maxPooled {
		i.out = nil
	}
	inflaters.Put(i)
}

// inflate leaves in out what the payload holds. A block may be marked as the last one and others follow it all the same:
// RFC 7692 lets a message be several streams.
func (i *inflater) inflate(payload []byte, limit int) *CloseError {
	i.whole = append(append(i.whole[:0], payload...), deflateTail...)
	i.in.Reset(i.whole)
	i.out = i.out[:0]
	for {
		_ = i.reader.(flate.Resetter).Reset(&i.in, nil)
		if err := i.stream(limit); err != nil {
			return err
		}
		if i.in.Len() <= len(deflateTail) { // the rest is ours
			return nil
		}
	}
}

// stream appends one stream to out. It stops at the first byte over the limit: a few bytes can stand for a thousand times as many.
func (i *inflater) stream(limit int) *CloseError {
	for {
		if len(i.out) == cap(i.out) {
			i.out = slices.Grow(i.out, min(max(512, len(i.out)), limit+1-len(i.out)))
		}
		n, err := i.reader.Read(i.out[len(i.out):min(cap(i.out), limit+1)])
		i.out = i.out[:len(i.out)+n]
		switch {
		case len(i.out) > limit:
			return errTooBig
		case err == io.EOF:
			return nil
		case err != nil:
			return errInflate
		}
	}
}

// deflatedBound is how long a message of limit bytes may be when it is compressed: DEFLATE can make it a little longer.
func deflatedBound(limit int) int {
	n := int64(bounded(limit))
	return int(min(n+n/8+n/64+16, maxLimit))
}
