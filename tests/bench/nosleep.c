/* Preloaded into ceph_perf_msgr_*: they call usleep(0) for each message, which takes longer than all else they do. */

#include <time.h>

int usleep(unsigned int microseconds) {
    struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000L};
    return microseconds == 0 ? 0 : nanosleep(&pause, 0);
}
