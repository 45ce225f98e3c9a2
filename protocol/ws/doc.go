// Package ws is RFC 6455 over byte slices: frames in, frames out, compressed as
// in RFC 7692 where that was negotiated. It does no I/O, has no clock and starts
// no goroutine; whoever owns the socket owns the buffers too. Masking is
// gobwas/ws's, DEFLATE is klauspost/compress's.
//
//   - frame.go: opcodes, a decoded Message, and the reading of one frame header.
//   - decoder.go: Decoder, the state that a connection keeps between two reads:
//     16 bytes, ready as its zero value.
//   - encode.go: whole frames appended to a slice, for a server and for a client.
//   - deflate.go: permessage-deflate without context takeover, both ways.
//   - close.go: status codes, the Close payload both ways, and CloseError, which
//     is how a Decoder says what the peer did wrong.
//
// A reader of a socket calls Next on what it holds until Next has nothing more,
// discards what was consumed, and waits for Need bytes:
//
//	for {
//		m, n, ok, err := d.Next(buf, limit)
//		buf = buf[n:]
//		if err != nil || !ok {
//			break // answer err with a Close frame and end; else read until len(buf) >= d.Need()
//		}
//		handle(m)
//	}
//
// Invariants:
//
//   - The cut does not matter: any way of cutting a stream into reads gives the
//     same messages and the same error (TestSplitAnywhere, FuzzDecoder).
//   - A frame is unmasked in place, and only once all of it is there. A message
//     of one frame is never copied and costs no allocation.
//   - The only memory a Decoder owns is the text so far of a message in
//     fragments. It grows with the bytes that came, never with the length that a
//     header promises, has never more room than the limit, and leaves the Decoder
//     together with the message: an idle connection holds none.
//   - A message over the limit is refused by the header that makes it so, before
//     a byte of that frame is kept. One that is compressed may be an eighth longer on
//     the wire, because DEFLATE can add to it, and decompressing stops at the first
//     byte over the limit (TestBomb).
//   - Compressors and decompressors are in pools. A connection has none, and what
//     takes part in a message is given back with it.
//   - An error is final, and each one is a package-level *CloseError.
//
// Where the RFC leaves a choice:
//
//   - Without Deflate no extension was negotiated, and a reserved bit is an error.
//   - A compressed message may be several streams, each with a last block. Where the
//     very last one is without the byte 0 that should follow it, it is taken
//     (TestInflate). Nothing of a message is remembered for the next.
//   - Text is checked when its message is whole, as Reverb does it, and not
//     fragment by fragment: the limit bounds what a bad message can cost. Binary
//     messages are not checked, and carry commands as text does.
//   - A data frame whose length could have been written in fewer bytes is taken,
//     although its sender breaks section 5.2. Reverb takes it, there is one way
//     only to read it, and no proxy behind us could read it differently
//     (TestLengthInMoreBytesThanNeeded). A control frame has the short form only.
//   - Of the Close codes, 1012 to 1014 are taken: they were registered after the
//     RFC. 1004 to 1006, 1015, the unassigned rest below 3000 and all from 5000
//     on are refused.
//   - A Close frame is a message like any other. That nothing may follow it is
//     for the owner of the connection to keep.
//
// Deviations from Reverb:
//
//   - The reasons of Close frames are our own words, except "Maximum message size
//     exceeded"; the codes are the same (TestCloseErrorsCanBeSent).
//   - 1012 to 1014 in a client's Close frame are taken; Reverb closes with 1002
//     (TestCloseCodes).
package ws
