package crowd

// task is something that is due.
type task struct {
	due  int64 // Unix time in nanoseconds
	kind uint8
	id   int32 // of a channel, a group or a socket
}

// The kinds of tasks.
const (
	doPublish = iota // to a channel
	doWhisper
	doChurn // a socket of a group leaves, and a new one comes
	doDrop  // a socket of a group is cut off
	doBack  // a socket comes back
	doGone  // a socket that leaves had its time
	doSecond
)

// pacer hands out tasks when they are due, the longest due first. It has no clock of its own.
type pacer struct{ heap []task }

func (p *pacer) add(t task) {
	p.heap = append(p.heap, t)
	for i := len(p.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if p.heap[up].due <= p.heap[i].due {
			return
		}
		p.heap[up], p.heap[i] = p.heap[i], p.heap[up]
		i = up
	}
}

// next takes a task that is due at now.
func (p *pacer) next(now int64) (t task, ok bool) {
	if len(p.heap) == 0 || p.heap[0].due > now {
		return task{}, false
	}
	t = p.heap[0]
	last := len(p.heap) - 1
	p.heap[0] = p.heap[last]
	p.heap = p.heap[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return t, true
		}
		if right := down + 1; right < last && p.heap[right].due < p.heap[down].due {
			down = right
		}
		if p.heap[i].due <= p.heap[down].due {
			return t, true
		}
		p.heap[i], p.heap[down] = p.heap[down], p.heap[i]
		i = down
	}
}

// first is when the next task is due.
func (p *pacer) first() (due int64, ok bool) {
	if len(p.heap) == 0 {
		return 0, false
	}
	return p.heap[0].due, true
}
