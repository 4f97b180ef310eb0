// uWebSockets as an echo server that `cargo bench --bench ws_echo` can measure ours beside; built by hand, with both
// repositories (github.com/uNetworking/uWebSockets and uSockets) beside each other:
//
//   make -C uSockets
//   c++ -O3 -march=native -flto -std=c++20 -DUWS_NO_ZLIB -IuWebSockets/src -IuSockets/src \
//       uwebsockets.cpp uSockets/uSockets.a -o uwebsockets
//   UWEBSOCKETS=$PWD/uwebsockets cargo bench --bench ws_echo

#include "App.h"
#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <netinet/tcp.h>

int main() {
    // A peer that is gone while it is written to is no reason to die.
    signal(SIGPIPE, SIG_IGN);
    struct Nothing {};
    uWS::App().ws<Nothing>("/*", {
        .compression = uWS::DISABLED,
        .maxPayloadLength = 16 * 1024 * 1024,
        .idleTimeout = 0,
        .maxBackpressure = 64 * 1024 * 1024,
        .sendPingsAutomatically = false,
        .message = [](auto *ws, std::string_view message, uWS::OpCode opcode) { ws->send(message, opcode, false); },
    }).listen("127.0.0.1", 0, [](us_listen_socket_t *listener) {
        if (!listener) exit(1);
        // With reno, which accepted connections inherit: bbr, some machines' default, halves bulk on loopback.
        int fd = (int) (intptr_t) us_socket_get_native_handle(0, (us_socket_t *) listener);
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
        printf("listening on 127.0.0.1:%d\n", us_socket_local_port(0, (us_socket_t *) listener));
        fflush(stdout);
    }).run();
}
