package protocol

// Limits that come with the protocol. Limits that an operator may set are
// fields of apps.App.
const (
	// MaxChannelName is the longest channel name in bytes. pusher-http-php
	// refuses longer ones before they are sent.
	MaxChannelName = 200

	// MaxEventName is the longest event name in bytes, as in Pusher and soketi.
	MaxEventName = 200

	// MaxChannelsPerPublish is how many channels one event may name.
	// pusher-http-php refuses more, and Laravel sends chunks of this size.
	MaxChannelsPerPublish = 100

	// MaxUserID is the longest presence user_id in bytes, as Pusher documents.
	MaxUserID = 128

	// MaxWatchlist is how many users one may watch, as Pusher documents.
	MaxWatchlist = 100

	// MaxDepth is how deep JSON may nest. PHP's json_decode stops there too.
	MaxDepth = 512

	// MaxExcept is how many earlier socket ids of a page count when it comes back. The browser package
	// sends the newest nine: who was cut off more often gets its own event again at worst.
	MaxExcept = 9

	// MaxSerial is the largest serial: JavaScript's numbers are exact up to there.
	MaxSerial = 1<<53 - 1

	// MaxSocketIDPart is the largest half of a socket id, as in Reverb.
	MaxSocketIDPart = 1_000_000_000
)
