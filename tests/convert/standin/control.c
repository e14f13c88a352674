/* What the tests see and steer: violations, counts, faults, injected errors, the thread of release callbacks. */
#include "standin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

pthread_mutex_t standin_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t book = PTHREAD_MUTEX_INITIALIZER; /* of this file; never held while another lock is taken */

#define TEXTS 32
static char texts[TEXTS][240];
static int broken;

void violation(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&book);
    if (broken < TEXTS) vsnprintf(texts[broken], sizeof texts[0], format, arguments);
    broken++;
    pthread_mutex_unlock(&book);
    va_end(arguments);
}

/* How many rules were broken; the i-th as text. */
int standin_violations(void) {
    pthread_mutex_lock(&book);
    int n = broken;
    pthread_mutex_unlock(&book);
    return n;
}

const char *standin_violation(int i) { return i >= 0 && i < broken && i < TEXTS ? texts[i] : ""; }

static struct {
    char name[48];
    long value;
} counters[48], faults[32];

static long *entry(const char *name, int of_faults) {
    for (int i = 0; i < (of_faults ? 32 : 48); i++) {
        char *known = of_faults ? faults[i].name : counters[i].name;
        if (!known[0]) strncpy(known, name, sizeof counters[0].name - 1);
        if (!strcmp(known, name)) return of_faults ? &faults[i].value : &counters[i].value;
    }
    abort();
}

void count(const char *what, long by) {
    pthread_mutex_lock(&book);
    *entry(what, 0) += by;
    pthread_mutex_unlock(&book);
}

long standin_count(const char *what) {
    pthread_mutex_lock(&book);
    long value = *entry(what, 0);
    pthread_mutex_unlock(&book);
    return value;
}

/* Make something behave differently: rgba (0 unsupported, 1 right, 2 read as BGRA), swapped (BGRA read as RGBA),
 * full_range, ignore_matrix, no_average, no_iosurface, no_chroma_plane, small_planes,
 * no_wrapped (the status of a conversion from memory that is no IOSurface), slow (milliseconds that a transfer takes), hold (release callbacks wait). */
void standin_fault(const char *name, long value) {
    pthread_mutex_lock(&book);
    *entry(name, 1) = value;
    pthread_mutex_unlock(&book);
}

int fault(const char *name) {
    pthread_mutex_lock(&book);
    int value = (int)*entry(name, 1);
    pthread_mutex_unlock(&book);
    return value;
}

static struct {
    char function[64];
    int32_t status;
    int after, times;
} errors[16];

/* The next ``times`` calls of ``function``, after ``after`` good ones, return ``status`` (0: success and no object). */
void standin_fail(const char *function, int32_t status, int after, int times) {
    pthread_mutex_lock(&book);
    for (int i = 0; i < 16; i++) {
        if (errors[i].times) continue;
        strncpy(errors[i].function, function, sizeof errors[i].function - 1);
        errors[i].status = status;
        errors[i].after = after;
        errors[i].times = times;
        break;
    }
    pthread_mutex_unlock(&book);
}

/* Errors that were not used up yet do not happen. */
void standin_forget_errors(void) {
    pthread_mutex_lock(&book);
    memset(errors, 0, sizeof errors);
    pthread_mutex_unlock(&book);
}

int injected(const char *function, int32_t *status) {
    int hit = 0;
    pthread_mutex_lock(&book);
    for (int i = 0; i < 16 && !hit; i++) {
        if (!errors[i].times || strcmp(errors[i].function, function)) continue;
        if (errors[i].after > 0) {
            errors[i].after--;
        } else {
            errors[i].times--;
            *status = errors[i].status;
            hit = 1;
        }
    }
    pthread_mutex_unlock(&book);
    return hit;
}

/* --- release callbacks run on a thread of their own, like those of the system may ---------------------------------- */

static struct job {
    void (*release)(void *, const void *);
    void *reference;
    buffer *of;
    struct job *next;
} *jobs;
static int running, started;
static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *work(void *nothing) {
    pthread_mutex_lock(&queue);
    for (;;) {
        while (!jobs || fault("hold")) pthread_cond_wait(&changed, &queue);
        struct job *job = jobs;
        jobs = job->next;
        running = 1;
        pthread_mutex_unlock(&queue);
        if (job->of->summed && checksum(job->of) != job->of->sum)
            violation("wrapped memory changed before its release callback");
        count("callback", 1);
        job->release(job->reference, job->of->base[0]);
        free(job);
        pthread_mutex_lock(&queue);
        running = 0;
        pthread_cond_broadcast(&changed);
    }
    return nothing;
}

void call_back(buffer *of) {
    struct job *job = calloc(1, sizeof *job), **last = &jobs;
    job->release = of->release;
    job->reference = of->reference;
    job->of = of;
    pthread_mutex_lock(&queue);
    if (!started) {
        pthread_t thread;
        started = !pthread_create(&thread, NULL, work, NULL);
        pthread_detach(thread);
    }
    while (*last) last = &(*last)->next;
    *last = job;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&queue);
}

/* Wait until all release callbacks have run (``hold`` must be off); 0 when they have not after ``seconds``. */
int standin_settle(int seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&queue);
    pthread_cond_broadcast(&changed);
    int late = 0;
    while ((jobs || running) && !late) late = pthread_cond_timedwait(&changed, &queue, &until) == ETIMEDOUT;
    pthread_mutex_unlock(&queue);
    return !late;
}

/* Forget violations, counts, faults and errors that were not used up. Objects that live stay. */
void standin_reset(void) {
    pthread_mutex_lock(&book);
    broken = 0;
    memset(counters, 0, sizeof counters);
    memset(faults, 0, sizeof faults);
    memset(errors, 0, sizeof errors);
    pthread_mutex_unlock(&book);
}
