package api

import (
	"bytes"
	"strconv"

	"resound/channels"
)

// attributes are what a publisher wants to know of a channel.
type attributes uint8

const (
	occupied attributes = 1 << iota
	userCount
	subscriptionCount
	traffic // counters that go on while somebody is there, for who measures; Pusher has none
	cached  // for one channel at a time: a list of frames could be of any size

	// queried are those that only questions are answered with: who has just published knows what is kept.
	queried = cached | traffic
)

// parseAttributes reads a list like "user_count,subscription_count". Unknown names count for nothing, as in Reverb.
func parseAttributes(list []byte) (a attributes) {
	for name := range bytes.SplitSeq(list, []byte{','}) {
		switch string(name) {
		case "occupied":
			a |= occupied
		case "user_count":
			a |= userCount
		case "subscription_count":
			a |= subscriptionCount
		case "traffic":
			a |= traffic
		case "cache":
			a |= cached
		}
	}
	return a
}

// appendTo appends a JSON object of the attributes that apply: users are
// counted on presence channels and subscriptions on all others, and neither
// while nobody is there. An event is kept for whoever comes, so also while nobody is.
func (a attributes) appendTo(dst []byte, i channels.Info) []byte {
	there := i.Subscriptions > 0
	dst = append(dst, '{')
	n := len(dst)
	if a&occupied != 0 {
		dst = strconv.AppendBool(append(dst, `"occupied":`...), there)
	}
	if a&userCount != 0 && there && i.Presence {
		dst = appendCount(dst, n, `"user_count":`, int64(i.Users))
	}
	if a&subscriptionCount != 0 && there && !i.Presence {
		dst = appendCount(dst, n, `"subscription_count":`, int64(i.Subscriptions))
	}
	if a&traffic != 0 && there {
		dst = appendCount(dst, n, `"traffic":{"subscriptions":`, int64(i.Subscriptions))
		dst = appendCount(dst, n, `"messages":`, int64(i.Traffic.Messages))
		dst = append(appendCount(dst, n, `"bytes":`, int64(i.Traffic.Bytes)), '}')
	}
	if a&cached != 0 && i.Cached != nil {
		dst = append(appendName(dst, n, `"cache":`), i.Cached.Payload()...)
		dst = appendCount(dst, n, `"cache_ttl":`, i.TTL)
	}
	return append(dst, '}')
}

// appendCount appends a member with a number to the object that starts at from.
func appendCount(dst []byte, from int, name string, count int64) []byte {
	return strconv.AppendInt(appendName(dst, from, name), count, 10)
}

// appendName appends the name of a member to the object that starts at from.
func appendName(dst []byte, from int, name string) []byte {
	if len(dst) > from {
		dst = append(dst, ',')
	}
	return append(dst, name...)
}
