/*
 * Sends prepared datagrams and counts the answers; so cheap that the server is what is measured.
 *   udp-load LOCAL_PORT PORT SECONDS WINDOW FILE REPEAT OFFSET VALUE SAMPLES RATE
 * RATE datagrams a second, 0 for as many as the window lets through. With a rate it says how long answers took, which bytes 2 to 9 of
 * a datagram tell apart: the time counts from when it was to be sent, not from when it was.
 * It looks for answers every POLL_US instead of sleeping until one comes: to wake it would cost the server more than the answer.
 * FILE holds datagrams, each behind its length (u16, big-endian). At most WINDOW are unanswered; what is not answered for a second is
 * lost. REPEAT 1 begins again at the end of FILE, 0 stops there. An answer counts when its byte OFFSET is VALUE; the last ones go to
 * the file SAMPLES in the same form. Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, MAX_DATAGRAM = 2048, SAMPLE_COUNT = 256, POLL_US = 100, SLOTS = 1 << 18, MAX_TIMES = 1 << 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static unsigned char *load(const char *path, long *length) {
  FILE *file = fopen(path, "rb");
  struct stat info;
  if (!file || fstat(fileno(file), &info)) return NULL;
  unsigned char *bytes = malloc(info.st_size);
  *length = info.st_size;
  if (!bytes || fread(bytes, 1, info.st_size, file) != (size_t)info.st_size) return NULL;
  fclose(file);
  return bytes;
}

/* When the last datagram of each session was due; a session has one on its way at a time. */
static struct { unsigned long long id; double dueAt; } slots[SLOTS];
static double times[MAX_TIMES];

static double *dueOf(const unsigned char *datagram) {
  unsigned long long id;
  memcpy(&id, datagram + 2, sizeof id);
  unsigned at = (id ^ id >> 32) % SLOTS;
  while (slots[at].id != 0 && slots[at].id != id) at = (at + 1) % SLOTS;
  slots[at].id = id;
  return &slots[at].dueAt;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **words) {
  if (count != 11) return 2;
  double rate = atof(words[10]);
  int port = atoi(words[2]), window = atoi(words[4]), repeat = atoi(words[6]), offset = atoi(words[7]), value = atoi(words[8]);
  double seconds = atof(words[3]);
  long length = 0;
  unsigned char *bytes = load(words[5], &length);
  if (!bytes) return perror(words[5]), 1;
  int s = socket(AF_INET, SOCK_DGRAM, 0), buffer = 8 << 20, yes = 1;
  struct sockaddr_in local = loopback(atoi(words[1])), remote = loopback(port);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  if (bind(s, (void *)&local, sizeof local) || connect(s, (void *)&remote, sizeof remote)) return perror("socket"), 1;

  static unsigned char received[BATCH][MAX_DATAGRAM], samples[SAMPLE_COUNT][MAX_DATAGRAM];
  static int sampleLength[SAMPLE_COUNT];
  struct mmsghdr in[BATCH], out[BATCH];
  struct iovec inPart[BATCH], outPart[BATCH];
  memset(in, 0, sizeof in);
  memset(out, 0, sizeof out);
  for (int i = 0; i < BATCH; i++) {
    inPart[i] = (struct iovec){received[i], MAX_DATAGRAM};
    in[i].msg_hdr.msg_iov = &inPart[i];
    out[i].msg_hdr.msg_iov = &outPart[i];
    in[i].msg_hdr.msg_iovlen = out[i].msg_hdr.msg_iovlen = 1;
  }
  long at = 0, sent = 0, timed = 0, answered = 0, lost = 0, other = 0, waiting = 0;
  int isOver = 0;
  double began = now(), answeredAt = began, lookedAt = began;
  while (!isOver || waiting > 0) {
    if (now() - began >= seconds) isOver = 1;
    while (!isOver && waiting < window) {
      int ready = 0;
      long next = at;
      while (ready < BATCH && ready < window - waiting) {
        if (rate > 0 && (now() - began) * rate <= sent + ready) break;
        if (next >= length) {
          if (!repeat) { isOver = 1; break; }
          next = 0;
        }
        int size = bytes[next] << 8 | bytes[next + 1];
        outPart[ready++] = (struct iovec){bytes + next + 2, size};
        next += 2 + size;
      }
      int done = ready ? sendmmsg(s, out, ready, 0) : 0;
      if (done <= 0) break;
      for (int i = 0; i < done; i++) {
        if (at >= length) at = 0;
        if (rate > 0) *dueOf(bytes + at + 2) = began + (sent + i) / rate;
        at += 2 + outPart[i].iov_len;
      }
      sent += done;
      waiting += done;
    }
    if (waiting == 0 && rate == 0) break;
    int got = recvmmsg(s, in, BATCH, MSG_DONTWAIT, NULL);
    if (got < 0) {
      if (now() - lookedAt > 1) {
        lost += waiting;
        waiting = 0;
      } else {
        usleep(POLL_US);
      }
      continue;
    }
    answeredAt = lookedAt = now();
    for (int i = 0; i < got; i++) {
      int size = in[i].msg_len;
      if (size <= offset || received[i][offset] != value) { other++; continue; }
      int slot = answered++ % SAMPLE_COUNT;
      memcpy(samples[slot], received[i], sampleLength[slot] = size);
      if (rate > 0 && size >= 10 && timed < MAX_TIMES) times[timed++] = answeredAt - *dueOf(received[i]);
      if (waiting > 0) waiting--;
    }
  }
  double took = answeredAt - began; /* not the wait for what was lost at the end */
  FILE *file = fopen(words[9], "wb");
  if (!file) return perror(words[9]), 1;
  for (int i = 0; i < SAMPLE_COUNT && i < answered; i++) {
    fputc(sampleLength[i] >> 8, file);
    fputc(sampleLength[i] & 255, file);
    fwrite(samples[i], 1, sampleLength[i], file);
  }
  fclose(file);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  qsort(times, timed, sizeof *times, ascending);
  double p50 = timed ? times[timed / 2] : 0, p99 = timed ? times[timed * 99 / 100] : 0;
  printf("{\"sent\":%ld,\"answered\":%ld,\"lost\":%ld,\"other\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"p50Ms\":%.3f,\"p99Ms\":%.3f}\n", sent, answered, lost, other, took, cpu, p50 * 1e3, p99 * 1e3);
  return 0;
}
