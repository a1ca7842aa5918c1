/* The supervised program of every benchmark, the same for everybody.
 *
 * Usage: subject RECORD MODE NUMBER
 *
 * Appends one record to RECORD: the time of its first instruction (CLOCK_MONOTONIC), its pid and
 * its number.  Then, by MODE: `p` waits until it is killed, `d` exits 0 one second after SIGTERM,
 * `x` exits 1 at once.  Whatever a benchmark forgets ends after 15 minutes.
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct record {
    uint64_t nanoseconds;
    uint32_t pid;
    uint32_t number;
};

int main(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc != 4)
        return 2;

    char mode = argv[2][0];
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    if (mode == 'd') /* before the record: whoever has read it may signal us */
        sigprocmask(SIG_BLOCK, &term, NULL);

    struct record record = {
        .nanoseconds = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
        .pid = (uint32_t)getpid(),
        .number = (uint32_t)atoi(argv[3]),
    };
    int fd = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || write(fd, &record, sizeof record) != sizeof record)
        return 3;
    close(fd);

    if (mode == 'x')
        return 1;
    alarm(900);
    if (mode == 'd') {
        int which;
        struct timespec second = {.tv_sec = 1};
        sigwait(&term, &which);
        nanosleep(&second, NULL);
        return 0;
    }
    for (;;)
        pause();
}
