package persist

import (
	"encoding/binary"
	"fmt"
)

// The first byte of a key says what it is.
const (
	kindMeta   = 'm' // m, length of the app's id, app's id, channel: what is known of the stream
	kindRecord = 'r' // r, number of the stream, serial: a record
	kindStamp  = 's' // s: ties these files to the state file
)

const recordKeySize = 1 + 8 + 8

var stampKey = []byte{kindStamp}

func appendMetaKey(dst []byte, app, channel string) []byte {
	dst = append(dst, kindMeta)
	dst = binary.AppendUvarint(dst, uint64(len(app)))
	dst = append(dst, app...)
	return append(dst, channel...)
}

func parseMetaKey(key []byte) (app, channel string, err error) {
	if len(key) > 1 && key[0] == kindMeta {
		if n, size := binary.Uvarint(key[1:]); size > 0 && n <= uint64(len(key)-1-size) {
			rest := key[1+size:]
			return string(rest[:n]), string(rest[n:]), nil
		}
	}
	return "", "", fmt.Errorf("the name of a stream, %x: %w", key, ErrCorrupt)
}

// putRecordKey fills key, which has recordKeySize bytes.
func putRecordKey(key []byte, stream, serial uint64) {
	key[0] = kindRecord
	binary.BigEndian.PutUint64(key[1:], stream)
	binary.BigEndian.PutUint64(key[9:], serial)
}

func recordKey(stream, serial uint64) []byte {
	key := make([]byte, recordKeySize)
	putRecordKey(key, stream, serial)
	return key
}

func parseRecordKey(key []byte) (stream, serial uint64, err error) {
	if len(key) != recordKeySize || key[0] != kindRecord {
		return 0, 0, fmt.Errorf("the key of a record, %x: %w", key, ErrCorrupt)
	}
	return binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint64(key[9:]), nil
}

// after is the first key behind all keys that begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
