// A web server that says hello, and which container it says it from.
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void end(int signal) { _exit(0); }

int main(void) {
    const char *greeting = getenv("GREETING");
    char host[256] = "", body[512], answer[1024], request[4096];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int yes = 1, door = socket(AF_INET, SOCK_STREAM, 0);

    signal(SIGTERM, end);      // process 1 of a container ends only by what it asks for
    signal(SIGPIPE, SIG_IGN);
    gethostname(host, sizeof host - 1);
    snprintf(body, sizeof body, "%s from %s\n", greeting ? greeting : "Hello", host);
    int length = snprintf(answer, sizeof answer,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n%s", body);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(door, (struct sockaddr *)&address, sizeof address) || listen(door, 16)) {
        perror("port 8080");
        return 1;
    }
    for (;;) {
        int guest = accept(door, NULL, NULL);
        if (read(guest, request, sizeof request) > 0 && write(guest, answer, length) < 0)
            perror("answer");
        close(guest);
    }
}
