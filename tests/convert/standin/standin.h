/* A stand-in for the parts of CoreFoundation, CoreVideo and VideoToolbox that Reelpress calls. Test code only.
 *
 * It has the same symbols and keeps the same rules (Create and Get Rule, locks, invalidation), but it watches: every
 * object is counted, nothing that was created is ever reused for another object, and each broken rule is written down
 * as a violation. It really converts. See control.c for what a test can ask for and make fail.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <pthread.h>
#include <stdint.h>
#include <stddef.h>

enum kind { STRING = 1, BOOLEAN, NUMBER, DICTIONARY, BUFFER, POOL, SESSION };

typedef struct object {
    uint32_t magic;
    enum kind kind;
    long count;      /* references; 0: released */
    int constant;    /* not ours to release */
    const char *text; /* of a string */
} object;

typedef struct {
    object head;
    int32_t value;
} number;

typedef struct {
    object head;
    long count;
    object **keys, **values;
    int retains;
} dictionary;

/* Memory of a picture; it goes back to its pool. */
typedef struct block {
    uint8_t *bytes;
    size_t size;
    struct block *next;
} block;

typedef struct pool {
    object head;
    uint32_t format;
    size_t width, height;
    int iosurface;
    long out; /* buffers that are not released */
    block *unused;
} pool;

typedef struct {
    object *key, *value;
    int by_system; /* set by a transfer, not by the caller */
} attachment;

typedef struct {
    object head;
    uint32_t format;
    size_t width, height, planes;
    uint8_t *base[2];
    size_t stride[2], used[2], rows[2], samples[2];
    block *memory; /* NULL for wrapped memory */
    pool *home;
    int iosurface;
    int read_locks, write_locks;
    uint64_t sum; /* of the pixels when the read lock was taken, or of wrapped memory after the transfer */
    int summed;
    attachment attachments[16];
    int attached;
    void (*release)(void *, const void *);
    void *reference;
} buffer;

typedef struct {
    object head;
    int invalid, busy;
    object *matrix, *downsampling;
} session;

extern pthread_mutex_t standin_lock;

/* control.c */
void violation(const char *format, ...);
void count(const char *what, long by);
int fault(const char *name);
/* 1 when this call is to fail: *status is what to return; 0 stands for success without an object. */
int injected(const char *function, int32_t *status);
void call_back(buffer *of);

/* cf.c */
object *make(enum kind kind, size_t size);
int alive(const void *pointer, enum kind kind, const char *function);
void retain(object *it);
/* 1 when that was the last reference. */
int let_go(object *it, const char *function);
const void *value_of(const void *dictionary_or_null, const object *key);

/* cv.c */
void end_buffer(buffer *it);
void end_pool(pool *it);
uint64_t checksum(const buffer *it);

/* vt.c */
void end_session(session *it);

extern object *const kCVImageBufferYCbCrMatrixKey, *const kCVImageBufferColorPrimariesKey,
    *const kCVImageBufferTransferFunctionKey, *const kCVImageBufferChromaLocationTopFieldKey,
    *const kCVImageBufferYCbCrMatrix_ITU_R_709_2, *const kCVImageBufferYCbCrMatrix_ITU_R_601_4,
    *const kCVImageBufferColorPrimaries_ITU_R_709_2, *const kCVImageBufferTransferFunction_ITU_R_709_2,
    *const kCVImageBufferChromaLocation_Center, *const kCVPixelBufferPixelFormatTypeKey,
    *const kCVPixelBufferWidthKey, *const kCVPixelBufferHeightKey, *const kCVPixelBufferIOSurfacePropertiesKey,
    *const kCVPixelBufferPoolAllocationThresholdKey;

#define MAGIC 0x5eedf00d
#define BGRA 0x42475241u
#define ARGB 0x00000020u
#define RGBA 0x52474241u
#define YUVS 0x79757673u
#define TWO_VUY 0x32767579u
#define NV12 0x34323076u

#define CONSTANT_STRING(name) \
    static object name##_object = {MAGIC, STRING, 1, 1, #name}; \
    object *const name = &name##_object

#endif
