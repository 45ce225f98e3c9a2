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
		}
	}
	return a
}

// appendTo appends a JSON object of the attributes that apply: users are
// counted on presence channels and subscriptions on all others, and neither
// while nobody is there.
func (a attributes) appendTo(dst []byte, i channels.Info) []byte {
	there := i.Subscriptions > 0
	dst = append(dst, '{')
	n := len(dst)
	if a&occupied != 0 {
		dst = strconv.AppendBool(append(dst, `"occupied":`...), there)
	}
	if a&userCount != 0 && there && i.Presence {
		dst = appendCount(dst, n, `"user_count":`, i.Users)
	}
	if a&subscriptionCount != 0 && there && !i.Presence {
		dst = appendCount(dst, n, `"subscription_count":`, i.Subscriptions)
	}
	return append(dst, '}')
}

// appendCount appends a member to the object that starts at from.
func appendCount(dst []byte, from int, name string, count int) []byte {
	if len(dst) > from {
		dst = append(dst, ',')
	}
	return strconv.AppendInt(append(dst, name...), int64(count), 10)
}
