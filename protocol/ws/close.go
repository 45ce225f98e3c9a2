package ws

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Status codes of section 7.4 that this server sends, or reads meaning into.
// The codes of Pusher, 4000 to 4999, are in package protocol.
const (
	CloseNormal        uint16 = 1000
	CloseGoingAway     uint16 = 1001 // the server is being stopped
	CloseProtocolError uint16 = 1002 // a frame breaks RFC 6455
	CloseNoStatus      uint16 = 1005 // stands for a Close frame without a code; never on the wire
	CloseInvalidData   uint16 = 1007 // text is not UTF-8, or a message cannot be decompressed
	CloseTooBig        uint16 = 1009 // a message is over the limit
)

// maxReason is the room for a reason behind the 2 bytes of the code.
const maxReason = MaxControlPayload - 2

// CloseError is a peer's breach of RFC 6455 or of the limit, as the Close frame
// that answers it: the code, and a reason of at most 123 bytes.
type CloseError struct {
	Code   uint16
	Reason string
}

// Error returns the code and the reason.
func (e *CloseError) Error() string { return fmt.Sprintf("websocket close %d: %s", e.Code, e.Reason) }

// Each fault exists once, so that a hostile peer cannot make us allocate.
var (
	errReservedBits      = &CloseError{CloseProtocolError, "A reserved bit is set, but no extension was negotiated"}
	errDeflatedBit       = &CloseError{CloseProtocolError, "Only the first frame of a data message can say that it is compressed"}
	errUnmasked          = &CloseError{CloseProtocolError, "A frame from a client must be masked"}
	errMasked            = &CloseError{CloseProtocolError, "A frame from a server must not be masked"}
	errOpcode            = &CloseError{CloseProtocolError, "Unknown opcode"}
	errControlFragmented = &CloseError{CloseProtocolError, "A control frame must not be fragmented"}
	errControlTooLong    = &CloseError{CloseProtocolError, "A control frame must not exceed 125 bytes"}
	errOrphan            = &CloseError{CloseProtocolError, "A continuation frame without a message to continue"}
	errInterrupted       = &CloseError{CloseProtocolError, "A new message before the fragmented one has ended"}
	errLengthSign        = &CloseError{CloseProtocolError, "The top bit of a 64-bit length must be 0"}
	errCloseShort        = &CloseError{CloseProtocolError, "A close payload of one byte"}
	errCloseCode         = &CloseError{CloseProtocolError, "Invalid close code"}
	errCloseUTF8         = &CloseError{CloseInvalidData, "The close reason is not valid UTF-8"}
	errTextUTF8          = &CloseError{CloseInvalidData, "A text message is not valid UTF-8"}
	errInflate           = &CloseError{CloseInvalidData, "A compressed message cannot be decompressed"}
	errTooBig            = &CloseError{CloseTooBig, "Maximum message size exceeded"} // Reverb's words
)

// ParseClose takes the payload of a Close frame apart; reason aliases it. No
// payload at all is CloseNoStatus. err is a *CloseError for a payload that must
// not be sent; one that Next returned has none.
func ParseClose(payload []byte) (code uint16, reason []byte, err error) {
	code, reason, fault := parseClose(payload)
	if fault != nil {
		return 0, nil, fault
	}
	return code, reason, nil
}

// parseClose is ParseClose with a fault that can be compared with nil.
func parseClose(payload []byte) (code uint16, reason []byte, err *CloseError) {
	switch len(payload) {
	case 0:
		return CloseNoStatus, nil, nil
	case 1:
		return 0, nil, errCloseShort
	}
	code, reason = binary.BigEndian.Uint16(payload), payload[2:]
	if !sendable(code) {
		return 0, nil, errCloseCode
	}
	if !utf8.Valid(reason) {
		return 0, nil, errCloseUTF8
	}
	return code, reason, nil
}

// sendable reports whether a Close frame may carry the code. gobwas/ws has such
// a check, but it refuses 1012 to 1014 and lets codes from 5000 on pass.
func sendable(code uint16) bool {
	switch {
	case code >= 3000 && code <= 4999: // libraries and applications
		return true
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	default: // 1004 has no meaning; 1005, 1006 and 1015 are for reports only
		return false
	}
}

// AppendClose appends a server's Close frame to dst. A reason over 123 bytes is
// cut before the rune that does not fit. CloseNoStatus makes an empty frame, so
// that what ParseClose read can be echoed.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if code == CloseNoStatus {
		return AppendHeader(dst, OpClose, 0)
	}
	if len(reason) > maxReason {
		cut := maxReason
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	dst = AppendHeader(dst, OpClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, code)
	return append(dst, reason...)
}
