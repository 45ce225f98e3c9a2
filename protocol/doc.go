// Package protocol is the Pusher protocol, version 7, as pure functions over
// bytes: no I/O, no clock, no goroutine.
//
//   - names.go: event names and the kinds of channels.
//   - limits.go: every limit of the protocol, each with its reason.
//   - codes.go: every error a client or publisher can get: code, text, whether
//     the socket closes, HTTP status.
//   - socketid.go: the id of a connection.
//   - json.go: a strict scanner that cuts JSON into slices of the input.
//   - command.go: what a client says, from bytes to a Command.
//   - member.go: who a subscriber is, from channel_data.
//   - frame.go: an encoded event, shared by all who receive it.
//   - event.go: what the server says, from values to a Frame.
//   - signer.go: signatures of subscriptions and of HTTP requests.
//
// Invariants. What ParseCommand returns aliases its input and is good until
// the caller reuses those bytes. A Frame is immutable. A frame that is built
// from parts of valid UTF-8 and valid JSON is itself one JSON object in valid
// UTF-8 with a string member "event": anything else throws in pusher-js.
// Values that came from a client or a publisher are passed on byte for byte.
//
// Why there is a scanner beside goccy/go-json: a client event is relayed to
// other people's pages as it came, so each byte of it has to be checked, and
// the values have to stay slices of the input. go-json skips over values that
// it does not decode without checking them (TestLibrarySkipsUnchecked).
//
// Deviations from Reverb, each with its test:
//
//   - values are relayed as they came, where Reverb turns {} into [] and 1.0
//     into 1 (TestClientEventKeepsBytes);
//   - a ping with string data gets its pong (TestParseCommand);
//   - an empty channel name is refused (TestParseCommand);
//   - the key in front of a signature has to be the application's
//     (TestVerifyChannelNeedsTheKey);
//   - channel names follow the publishers' own rule (TestChannelNames).
package protocol
