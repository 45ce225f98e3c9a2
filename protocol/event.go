package protocol

import (
	"strconv"
	"time"
)

// Answers that never change are encoded once.
var (
	PingFrame = constant(`{"event":"` + EventPing + `"}`)
	PongFrame = constant(`{"event":"` + EventPong + `"}`)
)

func constant(s string) *Frame {
	return newFrame(len(s), func(dst []byte) []byte { return append(dst, s...) })
}

func errorFrame(code int, text string) *Frame {
	return newFrame(96+len(text), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventError+`","data":"{\"code\":`...)
		dst = strconv.AppendInt(dst, int64(code), 10)
		dst = append(dst, `,\"message\":`...)
		dst = appendEscaped(dst, AppendString(nil, text))
		return append(dst, `}"}`...)
	})
}

// Established is the first frame of a connection. timeout is told in whole seconds.
func Established(id SocketID, timeout time.Duration) *Frame {
	return newFrame(128, func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventEstablished+`","data":"{\"socket_id\":\"`...)
		dst = id.Append(dst)
		dst = append(dst, `\",\"activity_timeout\":`...)
		dst = strconv.AppendInt(dst, int64(timeout/time.Second), 10)
		return append(dst, `}"}`...)
	})
}

// Succeeded answers a subscription to a channel without members.
func Succeeded(channel string) *Frame {
	return newFrame(80+len(channel), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventSucceeded+`","data":"{}","channel":`...)
		dst = AppendString(dst, channel)
		return append(dst, '}')
	})
}

// SucceededPresence answers a subscription with the members that are there: as many as yield
// calls back for. size is a guess at the bytes of all their ids and infos.
func SucceededPresence(channel string, count, size int, members func(yield func(Member))) *Frame {
	return newFrame(160+len(channel)+2*size+16*count, func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventSucceeded+`","data":"{\"presence\":{\"count\":`...)
		dst = strconv.AppendInt(dst, int64(count), 10)
		dst = append(dst, `,\"ids\":[`...)
		first := true
		members(func(m Member) {
			dst = appendComma(dst, &first)
			dst = appendEscaped(dst, m.ID)
		})
		dst = append(dst, `],\"hash\":{`...)
		first = true
		members(func(m Member) {
			dst = appendComma(dst, &first)
			if m.ID.IsString() {
				dst = appendEscaped(dst, m.ID)
			} else {
				dst = append(append(append(dst, `\"`...), m.ID...), `\"`...)
			}
			dst = append(dst, ':')
			dst = appendEscaped(dst, m.info())
		})
		dst = append(dst, `}}}","channel":`...)
		dst = AppendString(dst, channel)
		return append(dst, '}')
	})
}

func appendComma(dst []byte, first *bool) []byte {
	if *first {
		*first = false
		return dst
	}
	return append(dst, ',')
}

// info returns user_info, null when there is none: pusher-js looks the key up in the hash.
func (m Member) info() Raw {
	if len(m.Info) == 0 {
		return Raw("null")
	}
	return m.Info
}

// MemberAdded tells the others that a user came.
func MemberAdded(channel string, m Member) *Frame {
	return newFrame(96+len(channel)+2*len(m.ID)+2*len(m.Info), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventMemberAdded+`","data":"{\"user_id\":`...)
		dst = appendEscaped(dst, m.ID)
		if len(m.Info) > 0 {
			dst = append(dst, `,\"user_info\":`...)
			dst = appendEscaped(dst, m.Info)
		}
		dst = append(dst, `}","channel":`...)
		dst = AppendString(dst, channel)
		return append(dst, '}')
	})
}

// MemberRemoved tells the others that the last socket of a user left.
func MemberRemoved(channel string, m Member) *Frame {
	return newFrame(96+len(channel)+2*len(m.ID), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventMemberRemoved+`","data":"{\"user_id\":`...)
		dst = appendEscaped(dst, m.ID)
		dst = append(dst, `}","channel":`...)
		dst = AppendString(dst, channel)
		return append(dst, '}')
	})
}

// CacheMiss tells a new subscriber that its cache channel has no event for it.
func CacheMiss(channel string) *Frame {
	return newFrame(48+len(channel), func(dst []byte) []byte {
		dst = AppendString(append(dst, `{"event":"`+EventCacheMiss+`","channel":`...), channel)
		return append(dst, '}')
	})
}

// SubscriptionCount tells a channel how many connections are on it.
func SubscriptionCount(channel string, n int) *Frame {
	return newFrame(112+len(channel), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventSubscriptionCount+`","data":"{\"subscription_count\":`...)
		dst = strconv.AppendInt(dst, int64(n), 10)
		dst = AppendString(append(dst, `}","channel":`...), channel)
		return append(dst, '}')
	})
}

// SigninSuccess answers a sign-in with the data that was signed.
func SigninSuccess(userData []byte) *Frame {
	return newFrame(80+2*len(userData), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventSigninSuccess+`","data":{"user_data":`...)
		return append(AppendString(dst, userData), `}}`...)
	})
}

// Watchlist tells who of the users that a connection watches have come and gone. Either may be
// empty. pusher-js reads exactly this form.
func Watchlist(online, offline []string) *Frame {
	return newFrame(128+24*(len(online)+len(offline)), func(dst []byte) []byte {
		var list []byte
		for _, e := range []struct {
			name string
			ids  []string
		}{{"online", online}, {"offline", offline}} {
			if len(e.ids) == 0 {
				continue
			}
			if len(list) > 0 {
				list = append(list, ',')
			}
			list = append(append(append(list, `{"name":"`...), e.name...), `","user_ids":[`...)
			for i, id := range e.ids {
				if i > 0 {
					list = append(list, ',')
				}
				list = AppendString(list, id)
			}
			list = append(list, `]}`...)
		}
		dst = append(dst, `{"event":"`+EventWatchlist+`","data":"{\"events\":[`...)
		return append(appendEscaped(dst, list), `]}"}`...)
	})
}

// SubscriptionError tells a channel that it was refused. Reverb does not send
// it; without it Echo's .error() never fires.
func SubscriptionError(channel, kind, text string, status int) *Frame {
	return newFrame(128+len(channel)+len(text), func(dst []byte) []byte {
		dst = append(dst, `{"event":"`+EventSubscriptionError+`","channel":`...)
		dst = AppendString(dst, channel)
		dst = append(dst, `,"data":{"type":`...)
		dst = AppendString(dst, kind)
		dst = append(dst, `,"error":`...)
		dst = AppendString(dst, text)
		dst = append(dst, `,"status":`...)
		dst = strconv.AppendInt(dst, int64(status), 10)
		return append(dst, `}}`...)
	})
}

// Event is one event of a publisher. name and data are passed on as they came; both are JSON
// values, name a string.
func Event(name Raw, channel string, data Raw) *Frame {
	return newFrame(40+len(name)+len(channel)+len(data), func(dst []byte) []byte {
		dst = append(append(dst, `{"event":`...), name...)
		dst = append(append(dst, `,"data":`...), data...)
		dst = AppendString(append(dst, `,"channel":`...), channel)
		return append(dst, '}')
	})
}

// ClientEvent is one client's event as the others get it. A client that sent no data sends null.
// user is the sender's user_id, or empty.
func ClientEvent(name Raw, channel string, data, user Raw) *Frame {
	return newFrame(60+len(name)+len(channel)+len(data)+len(user), func(dst []byte) []byte {
		dst = append(append(dst, `{"event":`...), name...)
		dst = AppendString(append(dst, `,"channel":`...), channel)
		dst = append(dst, `,"data":`...)
		if len(data) == 0 {
			data = Raw("null")
		}
		dst = append(dst, data...)
		if len(user) > 0 {
			dst = append(append(dst, `,"user_id":`...), user...)
		}
		return append(dst, '}')
	})
}

// EventName returns the name of an event as it is in its JSON, with quotes, or nothing. The payload is one that was encoded here.
func EventName(payload []byte) Raw {
	const before = len(`{"event":`)
	if len(payload) < before {
		return nil
	}
	end, ok := scanString(payload, before)
	if !ok {
		return nil
	}
	return payload[before:end]
}
