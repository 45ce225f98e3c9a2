// Package protocol is the Pusher protocol, version 7, as pure functions over
// bytes: no I/O, no clock, no goroutine.
//
//   - names.go: event names and the kinds of channels.
//   - limits.go: every limit of the protocol, each with its reason.
//   - codes.go: every error a client or publisher can get: code, text, whether
//     the socket closes, HTTP status.
//   - socketid.go: the id of a connection.
//   - json.go: a strict scanner that cuts JSON into slices of the input.
//   - replay.go: what a client says and is told of replay, and the tokens of it.
//   - pointer.go: what makes two events the same when a replay is conflated.
//   - command.go: what a client says, from bytes to a Command.
//   - member.go: who a subscriber is, from channel_data.
//   - user.go: who a connection is, from the user_data of a sign-in.
//   - frame.go: an encoded event, shared by all who receive it, plain and compressed.
//   - event.go: what the server says, from values to a Frame.
//   - signer.go: signatures of subscriptions and of HTTP requests.
//
// Invariants. What ParseCommand returns aliases its input and is good until
// the caller reuses those bytes. A Frame is immutable. A frame that is built
// from parts of valid UTF-8 and valid JSON is itself one JSON object in valid
// UTF-8 with a string member "event": anything else throws in pusher-js.
// Values that came from a client or a publisher are passed on byte for byte.
// A serial is always the last member of its frame (TestReplayFrames): the browser package looks there.
//
// Why there is a scanner beside goccy/go-json: that library is as strict about
// what is JSON, but it copies its input and every value, which is about four
// allocations for each message of a client, takes "EVENT" for "event", and nests
// deeper than MaxDepth (TestLibraryDiffers).
//
// Deviations from Reverb, each with its test:
//
//   - values are relayed as they came, where Reverb turns {} into [] and 1.0
//     into 1 (TestClientEventKeepsBytes);
//   - a ping with string data gets its pong, and a client event may carry any
//     JSON, not objects only (TestParseCommand);
//   - an empty channel name, a client's own pusher:connection_established and
//     an event name over MaxEventName are refused (TestParseCommandRefuses);
//   - a user_id that pusher-js cannot find again names nobody
//     (TestMemberNobody), and the hash of members is always an object
//     (TestPresenceRoster);
//   - the key in front of a signature has to be the application's
//     (TestVerifyChannelNeedsTheKey);
//   - channel names follow the publishers' own rule (TestChannelNames), and the
//     dash belongs to the prefix that guards a channel (TestKindOf).
package protocol
