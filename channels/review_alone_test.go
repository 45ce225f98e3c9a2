package channels

import (
	"testing"
	"unsafe"
)

// What a channel knows of other nodes takes no room where there are none.
func TestChannelAloneIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Channel{}); size > 176 {
		t.Errorf("a channel takes %d bytes", size)
	}
	if c := newChannel(newNode(t, 1).app, "a"); c.clustered != nil {
		t.Error("it has room for others")
	}
}
