// A minimal server of the Pusher protocol on uWebSockets, to measure others
// against: what that library takes for the same deliveries. It is not for use.
//
//   server PORT
//
// It serves public channels, and publishes to one channel at a time. It checks
// no signature, no key, no limit and no name, holds no members and no history, reads JSON
// by looking for a field's name, and has one thread. So it does less
// than a server has to: its figures are a bound, not a peer's.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "App.h"

namespace {

struct Socket {};  // uWebSockets keeps its topics

// field returns the text of a JSON string field, as it stands between its quotes, or "" if there is none.
std::string_view field(std::string_view json, std::string_view quotedName) {
    size_t at = json.find(quotedName);
    if (at == std::string_view::npos) return {};
    at = json.find_first_not_of(" :", at + quotedName.size());
    if (at == std::string_view::npos || json[at] != '"') return {};
    size_t end = ++at;
    while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
    return json.substr(at, std::min(end, json.size()) - at);
}

std::string event(std::string_view name, std::string_view channel, std::string_view data) {
    std::string text;
    text.reserve(48 + name.size() + channel.size() + data.size());
    return text.append("{\"event\":\"").append(name).append("\",\"channel\":\"").append(channel)
        .append("\",\"data\":\"").append(data).append("\"}");
}

template <typename WebSocket>
void greet(WebSocket *ws) {
    static unsigned long sockets = 0;
    ws->send("{\"event\":\"pusher:connection_established\",\"data\":\"{\\\"socket_id\\\":\\\"1." + std::to_string(++sockets) +
                 "\\\",\\\"activity_timeout\\\":120}\"}",
             uWS::TEXT);
}

template <typename WebSocket>
void command(WebSocket *ws, std::string_view text) {
    std::string_view name = field(text, "\"event\"");
    std::string_view channel = field(text, "\"channel\"");
    if (name == "pusher:ping") {
        ws->send("{\"event\":\"pusher:pong\",\"data\":\"{}\"}", uWS::TEXT);
    } else if (name == "pusher:unsubscribe") {
        ws->unsubscribe(channel);
    } else if (name != "pusher:subscribe") {
        return;
    } else if (channel.empty() || channel.starts_with("private-") || channel.starts_with("presence-")) {
        ws->send("{\"event\":\"pusher:error\",\"data\":\"{\\\"message\\\":\\\"public channels only\\\"}\"}", uWS::TEXT);
    } else {
        ws->subscribe(channel);
        ws->send(event("pusher_internal:subscription_succeeded", channel, "{}"), uWS::TEXT);
    }
}

// publish hands an event on. The data is JSON text within JSON before and after, so it is not touched.
template <typename Response>
void publish(uWS::App &app, Response *response, std::string_view body) {
    std::string_view name = field(body, "\"name\""), channel = field(body, "\"channel\"");
    if (name.empty() || channel.empty()) {
        response->writeStatus("400 Bad Request")->end("an event needs a name and a channel");
        return;
    }
    app.publish(channel, event(name, channel, field(body, "\"data\"")), uWS::TEXT);
    response->writeHeader("Content-Type", "application/json")->end("{}");
}

}  // namespace

int main(int argc, char **argv) {
    int port = argc == 2 ? std::atoi(argv[1]) : 0;
    if (port <= 0 || port > 65535) {
        std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    uWS::App app;
    app.ws<Socket>("/app/:key", {
        .compression = uWS::DISABLED,
        .maxPayloadLength = 16 * 1024,
        .idleTimeout = 120,             // seconds; it pings before
        .maxBackpressure = 1024 * 1024, // bytes that a socket may leave unread
        .closeOnBackpressureLimit = true,
        .open = [](auto *ws) { greet(ws); },
        .message = [](auto *ws, std::string_view text, uWS::OpCode) { command(ws, text); },
    });
    app.post("/apps/:id/events", [&app](auto *response, auto *) {
        response->onAborted([] {});
        response->onData([&app, response, body = std::string()](std::string_view part, bool last) mutable {
            if (last && body.empty()) {
                publish(app, response, part); // the usual case: nothing to put together
                return;
            }
            body.append(part);
            if (last) publish(app, response, body);
        });
    });
    app.any("/*", [](auto *response, auto *) { response->writeStatus("404 Not Found")->end(); });
    app.listen("127.0.0.1", port, [port](auto *listener) {
        if (listener == nullptr) {
            std::fprintf(stderr, "127.0.0.1:%d cannot be listened on\n", port);
            std::exit(1);
        }
    });
    app.run();
}
