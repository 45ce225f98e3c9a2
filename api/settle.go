package api

import (
	"errors"
	"fmt"

	"github.com/valyala/fasthttp"

	"resound/channels"
	"resound/protocol"
)

// partialHeader says in words what an answer of a cluster lacks. Publishers that do not know it get the same answer as ever.
const partialHeader = "Resound-Partial"

// errLonely refuses what would be lost to the other nodes without anybody knowing.
var errLonely = &protocol.Error{Status: fasthttp.StatusServiceUnavailable,
	Text: "Service unavailable. Redis cannot be reached, and too many channels have events already that the other servers do not have: publish again later."}

// settle waits until the events are as safe in the log as the setting durability promises, and in a cluster on their way to all
// nodes. They are all on their way to who listens here by then, so a log that fails changes nothing of the answer: a publisher
// that was told of an error would publish them again. It reports false when it has answered that they are refused.
func (r *request) settle() bool {
	refused := 0
	for _, receipt := range r.receipts {
		switch err := receipt.Wait(); {
		case err == nil:
		case errors.Is(err, channels.ErrRefused):
			refused++
		case errors.Is(err, channels.ErrParted):
			r.partial("Redis cannot be reached: only sockets of this server have it")
		case errors.Is(err, channels.ErrNotKept):
			r.partial("Redis keeps nothing: who is away now misses it")
		default:
			r.o.Log.Debug("an event is not in the log", "error", err)
		}
	}
	switch {
	case refused > 0 && refused == len(r.receipts):
		r.fail(r.ctx, errLonely)
		return false
	case refused > 0: // whatever else is missing, this is worse
		r.ctx.Response.Header.Set(partialHeader, "Redis cannot be reached: not all channels have it")
	}
	return true
}

// partial says that the answer is not the whole.
func (r *request) partial(why string) {
	if len(r.ctx.Response.Header.Peek(partialHeader)) == 0 {
		r.ctx.Response.Header.Set(partialHeader, why)
	}
}

// silent says that other nodes did not answer.
func (r *request) silent(nodes int) {
	if nodes > 0 {
		r.partial(fmt.Sprintf("%d of the other servers did not answer", nodes))
	}
}

// channel returns what there is to tell of a channel.
func (r *request) channel(name []byte) channels.Info { return r.infos(name)[0] }

// infos returns what there is to tell of channels. In a cluster all are asked for at once. They are the request's, until it asks again.
func (r *request) infos(names ...[]byte) []channels.Info {
	var silent int
	r.told, silent = r.app.Everywhere().AppendInfos(r.told[:0], names...)
	r.silent(silent)
	return r.told
}
