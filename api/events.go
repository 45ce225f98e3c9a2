package api

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"resound/channels"
	"resound/protocol"
)

// Bodies that are refused as a whole.
var (
	// A browser closes the connection when a text frame is not valid UTF-8: one
	// such event would disconnect everybody on the channel.
	errUTF8 = protocol.ErrBadRequest.With("Bad request. The body is not valid UTF-8.")
	errJSON = protocol.ErrBadRequest.With("Bad request. The body has to be one JSON object, nested at most %d levels deep.", protocol.MaxDepth)
)

// scan reads the body, which has to be a JSON object.
func (r *request) scan(member func(key []byte, v protocol.Raw) bool) bool {
	switch {
	case !utf8.Valid(r.body):
		r.fail(r.ctx, errUTF8)
	case !protocol.ScanObject(r.body, member):
		r.fail(r.ctx, errJSON)
	default:
		return true
	}
	return false
}

// invalid answers with what is wrong, if anything is.
func (r *request) invalid(m messages) bool {
	if len(m) == 0 {
		return false
	}
	writeJSON(r.ctx, fasthttp.StatusUnprocessableEntity, m.json())
	return true
}

// publish answers POST events: one event to one or more channels.
func (r *request) publish() {
	var e event
	if !r.scan(e.member) {
		return
	}
	var m messages
	e.check(&m, "")
	r.channels = e.recipients(&m, r.channels)
	if r.invalid(m) {
		return
	}
	except := e.except()
	r.parsed()
	for _, name := range r.channels {
		r.receipts = append(r.receipts, r.app.Publish(name, e.name, e.data, except))
	}
	if !r.settle() {
		return
	}
	r.published()
	if e.info.IsNull() {
		r.ok(emptyObject)
		return
	}
	want := parseAttributes(e.info.Text()) &^ queried
	dst := append(make([]byte, 0, 16+64*len(r.channels)), `{"channels":{`...)
	for i, info := range r.infos(r.channels...) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(protocol.AppendString(dst, info.Name), ':')
		dst = want.appendTo(dst, info)
	}
	r.ok(append(dst, `}}`...))
}

// item is one event of a batch, with its channel.
type item struct {
	event
	to []byte
}

// publishBatch answers POST batch_events: events to one channel each. All are checked before the first goes out.
func (r *request) publishBatch() {
	var list protocol.Raw
	ok := r.scan(func(key []byte, v protocol.Raw) bool {
		if string(key) == "batch" {
			list = v
		}
		return true
	})
	if !ok {
		return
	}
	var m messages
	items := readBatch(&m, list, r.app.Settings().MaxBatch)
	if r.invalid(m) {
		return
	}
	r.parsed()
	for _, it := range items {
		r.receipts = append(r.receipts, r.app.Publish(it.to, it.name, it.data, it.except()))
	}
	if !r.settle() {
		return
	}
	r.published()
	told := false
	infos := r.asked(items)
	dst := append(make([]byte, 0, 16+8*len(items)), `{"batch":[`...)
	for i, it := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		n := len(dst)
		if it.info.IsNull() {
			dst = append(dst, emptyObject...)
			continue
		}
		dst = (parseAttributes(it.info.Text()) &^ queried).appendTo(dst, infos[0])
		infos = infos[1:]
		told = told || len(dst) > n+len(emptyObject)
	}
	if !told {
		dst = append(dst[:0], `{"batch":{}}`...)
	} else {
		dst = append(dst, `]}`...)
	}
	r.ok(dst)
}

// asked returns what there is to tell of the channels of those items that ask, in order.
func (r *request) asked(items []item) []channels.Info {
	var names [][]byte
	for _, it := range items {
		if !it.info.IsNull() {
			names = append(names, it.to)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return r.infos(names...)
}

// readBatch returns the events of a batch, at most limit, and adds what is wrong with them.
func readBatch(m *messages, list protocol.Raw, limit int) []item {
	switch {
	case !blank(list) && list[0] != '[' && !list.IsObject():
		m.wrongType("", "batch", "an array")
		return nil
	case none(list):
		m.required("", "batch")
		return nil
	}
	var items []item
	n := 0
	each(list, func(v protocol.Raw) bool {
		if n < limit {
			items = append(items, readItem(m, n, v))
		}
		n++
		return true
	})
	if n > limit {
		m.add("batch", fmt.Sprintf("The batch field must not have more than %d items: it has %d. Raise RESOUND_MAX_BATCH, or max_batch in the configuration file.", limit, n))
	}
	return items
}

// readItem reads the event at index i. What is no object is an event without members.
func readItem(m *messages, i int, v protocol.Raw) (it item) {
	if v.IsObject() {
		protocol.ScanObject(v, it.member)
	}
	at := "batch." + strconv.Itoa(i) + "."
	it.check(m, at)
	switch {
	case blank(it.channel):
		m.requiredWithout(at, "channel", "channels")
	default:
		it.to, _ = checkChannel(m, at+"channel", it.channel)
	}
	return it
}
