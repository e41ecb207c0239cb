/* A DNS load client for benchmarks: one thread, one server on loopback, bounded in time.
 *
 *   client PORT PACKETS [seconds=5] [window=200] [sockets=8] [rate=0] [seed=1] [cookies=0] [case=0] [label=0] [watch=A.B.C.D]
 *
 * PACKETS is a file of queries, sent round and round: length (16 bits), offset of the OPT record's RDLENGTH or 0
 * (16 bits), the message; all in network order. `rate` 0 keeps `window` queries on their way (closed loop); else so
 * many are sent each second whatever comes back, and latency counts from the moment that a query was due. `cookies`
 * adds a COOKIE option, with what the server gave as soon as it gave something; `case` draws the case of every letter
 * of the name anew; `label` draws so many letters of the first label anew; `watch` counts the replies that hold an
 * IPv4 address and tells when the last one came. One JSON object is printed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SOCKETS = 64, BATCH = 32, ROOM = 4096, STEPS = 64, BUCKETS = 64 * STEPS, RCODES = 16 };
#define PATIENCE 2000000000ull /* nanoseconds until a query counts as lost */

typedef struct { uint64_t due; uint16_t id; uint16_t waiting; } Slot;
typedef struct { int fd; Slot *slots; unsigned *free; unsigned idle; uint8_t cookie[40]; unsigned cookie_size; } Socket;
typedef struct { uint8_t *wire; uint16_t size, opt; } Packet;

static unsigned long window_each, sockets_used;
static Socket sockets[MOST_SOCKETS];
static Packet *packets;
static size_t packet_count, next_packet;
static uint64_t histogram[BUCKETS], sent, answered, lost, octets, rcodes[RCODES], odd, watched, watched_last, begun;
static uint64_t state;
static int with_cookies, with_case, with_label;
static uint8_t watch[4];
static int watching;
static unsigned burst = BATCH;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t draw(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717ull;
}

static unsigned bucket(uint64_t value) {
    unsigned high = 63 - (unsigned)__builtin_clzll(value | 1);
    if (high < 6) return (unsigned)value;
    return (high - 5) * STEPS + (unsigned)((value >> (high - 6)) & (STEPS - 1));
}

static double bucket_value(unsigned at) { /* the middle of a bucket, nanoseconds */
    if (at < STEPS) return at;
    unsigned high = at / STEPS + 5;
    return (double)(1ull << high) + ((double)(at % STEPS) + 0.5) * (double)(1ull << (high - 6));
}

static double percentile(double share) {
    uint64_t want = (uint64_t)(share * (double)answered), seen = 0;
    for (unsigned at = 0; at < BUCKETS; at++)
        if ((seen += histogram[at]) > want) return bucket_value(at) / 1000.0;
    return 0;
}

static void die(const char *what) {
    fprintf(stderr, "client: %s: %s\n", what, errno ? strerror(errno) : "not understood");
    exit(2);
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t head[4];
    size_t room = 0;
    if (!file) die(path);
    while (fread(head, 1, 4, file) == 4) {
        if (packet_count == room && !(packets = realloc(packets, (room = room * 2 + 1024) * sizeof *packets))) die("memory");
        Packet *packet = &packets[packet_count++];
        packet->size = (uint16_t)(head[0] << 8 | head[1]);
        packet->opt = (uint16_t)(head[2] << 8 | head[3]);
        if (packet->size > ROOM - 64 || !(packet->wire = malloc(packet->size + 1u)) ||
            fread(packet->wire, 1, packet->size, file) != packet->size) die("packet file");
    }
    fclose(file);
    if (!packet_count) die("empty packet file");
}

static void open_sockets(unsigned port) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned at = 0; at < sockets_used; at++) {
        Socket *one = &sockets[at];
        int room = 4 << 20;
        if ((one->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) < 0) die("socket");
        setsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        if (connect(one->fd, (struct sockaddr *)&server, sizeof server)) die("connect");
        one->slots = calloc(window_each, sizeof *one->slots);
        one->free = calloc(window_each, sizeof *one->free);
        if (!one->slots || !one->free) die("memory");
        for (one->idle = 0; one->idle < window_each; one->idle++) {
            one->free[one->idle] = one->idle;
            one->slots[one->idle].id = (uint16_t)one->idle;
        }
        one->cookie_size = 8;
        for (unsigned octet = 0; octet < 8; octet++) one->cookie[octet] = (uint8_t)draw();
    }
}

static size_t prepare(uint8_t *out, Socket *from, uint16_t id) {
    Packet *packet = &packets[next_packet];
    next_packet = next_packet + 1 == packet_count ? 0 : next_packet + 1;
    size_t size = packet->size;
    memcpy(out, packet->wire, size);
    out[0] = (uint8_t)(id >> 8);
    out[1] = (uint8_t)id;
    for (int at = 0; at < with_label && 13 + at < (int)size; at++) out[13 + at] = (uint8_t)('a' + (draw() >> 33) % 26);
    if (with_case)
        for (size_t at = 12; at < size && out[at] && out[at] < 64; at += out[at] + 1u) {
            uint64_t bits = draw();
            for (unsigned letter = 1; letter <= out[at]; letter++, bits = bits >> 1 | bits << 63)
                if (((out[at + letter] | 32) >= 'a') && ((out[at + letter] | 32) <= 'z'))
                    out[at + letter] = (uint8_t)((out[at + letter] & ~32) | (bits & 1 ? 32 : 0));
        }
    if (with_cookies && packet->opt) {
        unsigned length = (unsigned)(out[packet->opt] << 8 | out[packet->opt + 1]) + 4 + from->cookie_size;
        uint8_t head[4] = {0, 10, 0, (uint8_t)from->cookie_size};
        out[packet->opt] = (uint8_t)(length >> 8);
        out[packet->opt + 1] = (uint8_t)length;
        memcpy(out + size, head, 4);
        memcpy(out + size + 4, from->cookie, from->cookie_size);
        size += 4 + from->cookie_size;
    }
    return size;
}

static void learn(Socket *from, const uint8_t *reply, size_t size) {
    const uint8_t *found = memmem(reply, size, from->cookie, 8);
    if (!found || found - reply < 4) return;
    unsigned length = (unsigned)(found[-2] << 8 | found[-1]);
    if (length > 8 && length <= 40 && found + length <= reply + size) {
        memcpy(from->cookie, found, length);
        from->cookie_size = length;
    }
}

static void take(Socket *from, const uint8_t *reply, size_t size, uint64_t at) {
    if (size < 4) { odd++; return; }
    uint16_t id = (uint16_t)(reply[0] << 8 | reply[1]);
    unsigned place = id % window_each;
    Slot *slot = &from->slots[place];
    if (!slot->waiting || slot->id != id) { odd++; return; }
    slot->waiting = 0;
    from->free[from->idle++] = place;
    answered++;
    octets += size;
    rcodes[reply[3] & 15]++;
    histogram[bucket(at > slot->due ? at - slot->due : 0)]++;
    if (with_cookies && from->cookie_size == 8) learn(from, reply, size);
    if (watching && memmem(reply, size, watch, 4)) { watched++; watched_last = at; }
}

static unsigned receive(Socket *from) {
    static uint8_t room[BATCH][ROOM];
    struct iovec vectors[BATCH];
    struct mmsghdr heads[BATCH];
    memset(heads, 0, sizeof heads);
    for (unsigned at = 0; at < BATCH; at++) {
        vectors[at] = (struct iovec){room[at], ROOM};
        heads[at].msg_hdr.msg_iov = &vectors[at];
        heads[at].msg_hdr.msg_iovlen = 1;
    }
    int got = recvmmsg(from->fd, heads, BATCH, MSG_DONTWAIT, NULL);
    if (got <= 0) return 0;
    uint64_t at = now();
    for (int one = 0; one < got; one++) take(from, room[one], heads[one].msg_len, at);
    return (unsigned)got;
}

/* Send at most `most` queries; the first is due at `due`, each other `gap` nanoseconds later. */
static unsigned transmit(Socket *to, unsigned most, uint64_t due, double gap) {
    static uint8_t room[BATCH][ROOM];
    struct iovec vectors[BATCH];
    struct mmsghdr heads[BATCH];
    unsigned count = 0;
    memset(heads, 0, sizeof heads);
    for (; count < most && count < BATCH && count < to->idle; count++) {
        Slot *slot = &to->slots[to->free[to->idle - 1 - count]];
        uint32_t id = (uint32_t)slot->id + (uint32_t)window_each;
        slot->id = (uint16_t)(id > 65535 ? id % window_each : id);
        slot->due = due + (uint64_t)(gap * count);
        vectors[count] = (struct iovec){room[count], prepare(room[count], to, slot->id)};
        heads[count].msg_hdr.msg_iov = &vectors[count];
        heads[count].msg_hdr.msg_iovlen = 1;
    }
    int done = count ? sendmmsg(to->fd, heads, count, MSG_DONTWAIT) : 0;
    for (int one = 0; one < done; one++) to->slots[to->free[--to->idle]].waiting = 1;
    sent += done > 0 ? (unsigned)done : 0;
    return done > 0 ? (unsigned)done : 0;
}

static void give_up(uint64_t at, uint64_t patience) {
    for (unsigned s = 0; s < sockets_used; s++)
        for (unsigned place = 0; place < window_each; place++) {
            Slot *slot = &sockets[s].slots[place];
            if (slot->waiting && at > slot->due + patience) {
                slot->waiting = 0;
                sockets[s].free[sockets[s].idle++] = place;
                lost++;
            }
        }
}

static void rest(uint64_t nanoseconds) {
    struct pollfd all[MOST_SOCKETS];
    struct timespec most = {(time_t)(nanoseconds / 1000000000ull), (long)(nanoseconds % 1000000000ull)};
    for (unsigned s = 0; s < sockets_used; s++) all[s] = (struct pollfd){sockets[s].fd, POLLIN, 0};
    ppoll(all, sockets_used, &most, NULL);
}

static void run(double seconds, double rate) {
    uint64_t end, checked, at = now();
    double gap = rate > 0 ? 1e9 / rate : 0, due = (double)at;
    unsigned turn = 0;
    begun = checked = at;
    end = at + (uint64_t)(seconds * 1e9);
    while ((at = now()) < end) {
        unsigned done = 0;
        for (unsigned s = 0; s < sockets_used; s++) {
            done += receive(&sockets[s]);
            if (gap == 0) done += transmit(&sockets[s], burst, now(), 0);
        }
        if (gap > 0) {
            unsigned wanted = due < (double)at ? (unsigned)(((double)at - due) / gap) + 1 : 0;
            for (unsigned tried = 0; wanted && tried < sockets_used; tried++, turn = (turn + 1) % sockets_used) {
                unsigned some = transmit(&sockets[turn], wanted < 4 ? wanted : 4, (uint64_t)due, gap);
                due += gap * some;
                wanted -= some;
                done += some;
            }
        }
        if (!done) rest(gap > 0 ? (due > (double)at ? (uint64_t)(due - (double)at) : 1000) : 1000000);
        if (at > checked + 100000000ull) {
            give_up(at, PATIENCE);
            checked = at;
        }
    }
    for (uint64_t last = now() + 1000000000ull; sent > answered + lost && now() < last; rest(1000000))
        for (unsigned s = 0; s < sockets_used; s++) receive(&sockets[s]);
    give_up(now() + PATIENCE, 0);
    printf("{\"seconds\": %.6f, \"sent\": %lu, \"answered\": %lu, \"lost\": %lu, \"odd\": %lu, \"octets\": %lu,\n", (double)(at - begun) / 1e9,
           sent, answered, lost, odd, octets);
    printf(" \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"watched\": %lu, \"watched_last\": %.6f,\n", percentile(0.5), percentile(0.99),
           percentile(0.999), watched, watched ? (double)(watched_last - begun) / 1e9 : 0.0);
    printf(" \"rcodes\": [");
    for (int code = 0; code < RCODES; code++) printf("%s%lu", code ? ", " : "", rcodes[code]);
    printf("]}\n");
}

/* Whoever measures must not wait for others on its core: the shortest slice of sched_setattr(2), of which no rights are
 * needed. Kernels before 6.12 ignore it. */
static void shorten_slices(void) {
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; }
        attributes = {.size = 48, .runtime = 100000};
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

int main(int count, char **words) {
    double seconds = 5, rate = 0;
    unsigned long window = 200, seed = 1;
    sockets_used = 8;
    shorten_slices();
    errno = 0;
    if (count < 3) die("usage: client PORT PACKETS [name=value ...]");
    for (int at = 3; at < count; at++) {
        char *value = strchr(words[at], '=');
        if (!value) die(words[at]);
        *value++ = 0;
        if (!strcmp(words[at], "seconds")) seconds = atof(value);
        else if (!strcmp(words[at], "window")) window = strtoul(value, NULL, 10);
        else if (!strcmp(words[at], "sockets")) sockets_used = strtoul(value, NULL, 10);
        else if (!strcmp(words[at], "rate")) rate = atof(value);
        else if (!strcmp(words[at], "seed")) seed = strtoul(value, NULL, 10);
        else if (!strcmp(words[at], "cookies")) with_cookies = atoi(value);
        else if (!strcmp(words[at], "case")) with_case = atoi(value);
        else if (!strcmp(words[at], "label")) with_label = atoi(value);
        else if (!strcmp(words[at], "burst")) burst = (unsigned)atoi(value);
        else if (!strcmp(words[at], "watch")) watching = inet_pton(AF_INET, value, watch);
        else die(words[at]);
    }
    if (!sockets_used || sockets_used > MOST_SOCKETS || window < sockets_used) die("window and sockets");
    window_each = window / sockets_used;
    state = seed * 0x9e3779b97f4a7c15ull | 1;
    load(words[2]);
    open_sockets((unsigned)atoi(words[1]));
    run(seconds, rate);
    return 0;
}
