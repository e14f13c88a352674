/* CoreVideo: pixel buffers, their locks and attachments, pools. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

CONSTANT_STRING(kCVPixelBufferPixelFormatTypeKey);
CONSTANT_STRING(kCVPixelBufferWidthKey);
CONSTANT_STRING(kCVPixelBufferHeightKey);
CONSTANT_STRING(kCVPixelBufferIOSurfacePropertiesKey);
CONSTANT_STRING(kCVPixelBufferPoolMinimumBufferCountKey);
CONSTANT_STRING(kCVPixelBufferPoolAllocationThresholdKey);
CONSTANT_STRING(kCVImageBufferYCbCrMatrixKey);
CONSTANT_STRING(kCVImageBufferColorPrimariesKey);
CONSTANT_STRING(kCVImageBufferTransferFunctionKey);
CONSTANT_STRING(kCVImageBufferChromaLocationTopFieldKey);
CONSTANT_STRING(kCVImageBufferChromaLocationBottomFieldKey);
CONSTANT_STRING(kCVImageBufferYCbCrMatrix_ITU_R_709_2);
CONSTANT_STRING(kCVImageBufferYCbCrMatrix_ITU_R_601_4);
CONSTANT_STRING(kCVImageBufferColorPrimaries_ITU_R_709_2);
CONSTANT_STRING(kCVImageBufferTransferFunction_ITU_R_709_2);
CONSTANT_STRING(kCVImageBufferChromaLocation_Left);
CONSTANT_STRING(kCVImageBufferChromaLocation_Center);

#define PADDING 0xA5
#define STALE 0xDD

/* Rows, samples, bytes of a row; strides are padded, and differently for each plane. */
static int lay_out(buffer *it) {
    size_t w = it->width, h = it->height, columns = (w + 1) / 2;
    switch (it->format) {
    case BGRA: case ARGB: case RGBA:
        it->used[0] = 4 * w;
        break;
    case YUVS: case TWO_VUY:
        it->used[0] = 4 * columns;
        break;
    case NV12:
        it->planes = 2;
        it->used[0] = w;
        it->used[1] = 2 * columns;
        it->rows[1] = (h + 1) / 2;
        it->samples[1] = columns;
        break;
    default:
        return 0;
    }
    it->rows[0] = h;
    it->samples[0] = w;
    for (size_t p = 0; p < 2; p++) it->stride[p] = (it->used[p] + 63) / 64 * 64 + 64 + 128 * p;
    return 1;
}

static size_t planes_of(const buffer *it) { return it->planes ? it->planes : 1; }

uint64_t checksum(const buffer *it) {
    uint64_t sum = 14695981039346656037u;
    size_t left = 65536;
    for (size_t p = 0; p < planes_of(it); p++)
        for (size_t y = 0; y < it->rows[p]; y++)
            for (size_t x = 0; x < it->used[p] && left; x++, left--)
                sum = (sum ^ it->base[p][y * it->stride[p] + x]) * 1099511628211u;
    return sum;
}

static void check_padding(const buffer *it) {
    if (!it->memory || it->head.count < 0) return;
    for (size_t p = 0; p < planes_of(it); p++)
        for (size_t y = 0; y < it->rows[p]; y += 1 + it->rows[p] / 16)
            for (size_t x = it->used[p]; x < it->stride[p]; x++)
                if (it->base[p][y * it->stride[p] + x] != PADDING) {
                    violation("bytes between the rows were written to");
                    return;
                }
}

static void detach_all(buffer *it) {
    for (int i = 0; i < it->attached; i++) {
        /* The values are constants: the reference is only counted. */
        count("released", 1);
    }
    it->attached = 0;
}

static void free_block(block *it) {
    free(it->bytes);
    free(it);
}

void end_pool(pool *it) {
    while (it->unused) {
        block *next = it->unused->next;
        free_block(it->unused);
        it->unused = next;
    }
}

void end_buffer(buffer *it) {
    if (it->read_locks || it->write_locks) violation("a buffer was released while it was locked");
    check_padding(it);
    detach_all(it);
    if (it->memory) {
        memset(it->memory->bytes, STALE, it->memory->size);
        it->home->out--;
        if (it->home->head.count > 0) {
            it->memory->next = it->home->unused;
            it->home->unused = it->memory;
        } else {
            free_block(it->memory);
        }
        it->memory = NULL;
    } else if (it->release) {
        call_back(it);
    }
}

void CVPixelBufferRelease(buffer *it) {
    if (!it) return;
    pthread_mutex_lock(&standin_lock);
    if (it->head.magic == MAGIC && it->head.kind != BUFFER) violation("CVPixelBufferRelease: not a buffer");
    else if (let_go(&it->head, "CVPixelBufferRelease")) end_buffer(it);
    pthread_mutex_unlock(&standin_lock);
}

int32_t CVPixelBufferCreateWithBytes(
    const void *allocator, size_t width, size_t height, uint32_t format, void *base, size_t stride,
    void (*release)(void *, const void *), void *reference, const void *attributes, buffer **out) {
    int32_t status;
    (void)allocator;
    (void)attributes;
    if (injected("CVPixelBufferCreateWithBytes", &status)) {
        *out = NULL;
        return status;
    }
    if (!base || !width || !height) return -6661;
    if (!release) violation("CVPixelBufferCreateWithBytes: no release callback");
    pthread_mutex_lock(&standin_lock);
    buffer *it = (buffer *)make(BUFFER, sizeof *it);
    it->format = format;
    it->width = width;
    it->height = height;
    if (!lay_out(it) || it->planes) {
        it->head.count = 0;
        count("buffer", -1);
        count("released", 1);
        pthread_mutex_unlock(&standin_lock);
        return -6680;
    }
    if (stride < it->used[0]) violation("CVPixelBufferCreateWithBytes: rows overlap");
    it->base[0] = base;
    it->stride[0] = stride;
    it->release = release;
    it->reference = reference;
    pthread_mutex_unlock(&standin_lock);
    *out = it;
    return 0;
}

static int32_t number_in(const void *attributes, const object *key) {
    const number *it = value_of(attributes, key);
    return it && alive(it, NUMBER, "pixel buffer attributes") ? it->value : 0;
}

int32_t CVPixelBufferPoolCreate(const void *allocator, const void *attributes, const void *of_buffers, pool **out) {
    int32_t status;
    (void)allocator;
    if (injected("CVPixelBufferPoolCreate", &status)) {
        *out = NULL;
        return status;
    }
    pthread_mutex_lock(&standin_lock);
    if (attributes) alive(attributes, DICTIONARY, "CVPixelBufferPoolCreate");
    buffer probe = {.width = (size_t)number_in(of_buffers, kCVPixelBufferWidthKey),
                    .height = (size_t)number_in(of_buffers, kCVPixelBufferHeightKey),
                    .format = (uint32_t)number_in(of_buffers, kCVPixelBufferPixelFormatTypeKey)};
    if (!probe.width || !probe.height || !lay_out(&probe)) {
        pthread_mutex_unlock(&standin_lock);
        return -6682;
    }
    if ((probe.width | probe.height) & 1) violation("CVPixelBufferPoolCreate: odd size");
    pool *it = (pool *)make(POOL, sizeof *it);
    it->width = probe.width;
    it->height = probe.height;
    it->format = probe.format;
    const object *surface = value_of(of_buffers, kCVPixelBufferIOSurfacePropertiesKey);
    it->iosurface = surface && surface->kind == DICTIONARY;
    pthread_mutex_unlock(&standin_lock);
    *out = it;
    return 0;
}

void CVPixelBufferPoolRelease(pool *it) {
    if (!it) return;
    pthread_mutex_lock(&standin_lock);
    if (it->head.magic == MAGIC && it->head.kind != POOL) violation("CVPixelBufferPoolRelease: not a pool");
    else if (let_go(&it->head, "CVPixelBufferPoolRelease")) end_pool(it);
    pthread_mutex_unlock(&standin_lock);
}

void CVPixelBufferPoolFlush(pool *it, uint64_t flags) {
    pthread_mutex_lock(&standin_lock);
    if (flags != 1) violation("CVPixelBufferPoolFlush: flags %llu", (unsigned long long)flags);
    if (alive(it, POOL, "CVPixelBufferPoolFlush")) end_pool(it);
    pthread_mutex_unlock(&standin_lock);
}

int32_t CVPixelBufferPoolCreatePixelBufferWithAuxAttributes(
    const void *allocator, pool *from, const void *auxiliary, buffer **out) {
    int32_t status;
    (void)allocator;
    if (injected("CVPixelBufferPoolCreatePixelBufferWithAuxAttributes", &status)) {
        *out = NULL;
        return status;
    }
    pthread_mutex_lock(&standin_lock);
    if (!alive(from, POOL, "CVPixelBufferPoolCreatePixelBufferWithAuxAttributes")) {
        pthread_mutex_unlock(&standin_lock);
        return -6661;
    }
    int32_t threshold = number_in(auxiliary, kCVPixelBufferPoolAllocationThresholdKey);
    if (threshold && from->out >= threshold) {
        pthread_mutex_unlock(&standin_lock);
        return -6689;
    }
    buffer *it = (buffer *)make(BUFFER, sizeof *it);
    it->format = from->format;
    it->width = from->width;
    it->height = from->height;
    it->iosurface = from->iosurface;
    lay_out(it);
    size_t first = it->stride[0] * it->rows[0], size = first + it->stride[1] * it->rows[1];
    if (from->unused) {
        it->memory = from->unused;
        from->unused = it->memory->next;
    } else {
        it->memory = calloc(1, sizeof *it->memory);
        it->memory->bytes = aligned_alloc(64, (size + 63) / 64 * 64);
        it->memory->size = size;
        count("allocated", 1);
    }
    memset(it->memory->bytes, STALE, size);
    it->base[0] = it->memory->bytes;
    it->base[1] = it->memory->bytes + first;
    for (size_t p = 0; p < planes_of(it); p++)
        for (size_t y = 0; y < it->rows[p]; y++)
            memset(it->base[p] + y * it->stride[p] + it->used[p], PADDING, it->stride[p] - it->used[p]);
    it->home = from;
    from->out++;
    pthread_mutex_unlock(&standin_lock);
    *out = it;
    return 0;
}

int32_t CVPixelBufferLockBaseAddress(buffer *it, uint64_t flags) {
    int32_t status;
    if (injected("CVPixelBufferLockBaseAddress", &status)) return status;
    if (flags > 1) {
        violation("CVPixelBufferLockBaseAddress: flags %llu", (unsigned long long)flags);
        return -6661;
    }
    pthread_mutex_lock(&standin_lock);
    int fine = alive(it, BUFFER, "CVPixelBufferLockBaseAddress");
    if (fine) {
        count("locked", 1);
        if (flags) {
            it->read_locks++;
            it->sum = checksum(it);
        } else {
            it->write_locks++;
        }
    }
    pthread_mutex_unlock(&standin_lock);
    return fine ? 0 : -6661;
}

int32_t CVPixelBufferUnlockBaseAddress(buffer *it, uint64_t flags) {
    int32_t status;
    int failing = injected("CVPixelBufferUnlockBaseAddress", &status);
    pthread_mutex_lock(&standin_lock);
    int fine = alive(it, BUFFER, "CVPixelBufferUnlockBaseAddress");
    if (fine) {
        int *locks = flags == 1 ? &it->read_locks : &it->write_locks;
        if (flags > 1 || !*locks) {
            violation("CVPixelBufferUnlockBaseAddress: flags %llu, but it was not locked so", (unsigned long long)flags);
            fine = 0;
        } else {
            --*locks;
            count("unlocked", 1);
            if (flags && checksum(it) != it->sum) violation("pixels were written under a read-only lock");
            check_padding(it);
        }
    }
    pthread_mutex_unlock(&standin_lock);
    return failing ? status : fine ? 0 : -6661;
}

static int locked(const buffer *it, const char *function) {
    if (!alive(it, BUFFER, function)) return 0;
    if (it->read_locks + it->write_locks) return 1;
    violation("%s: the buffer is not locked", function);
    return 0;
}

void *CVPixelBufferGetBaseAddress(buffer *it) {
    if (!locked(it, "CVPixelBufferGetBaseAddress")) return NULL;
    if (it->planes) violation("CVPixelBufferGetBaseAddress: a planar buffer has no pixels there");
    return it->base[0];
}

void *CVPixelBufferGetBaseAddressOfPlane(buffer *it, size_t p) {
    if (!locked(it, "CVPixelBufferGetBaseAddressOfPlane") || p >= it->planes) return NULL;
    return it->base[p];
}

#define GETTER(type, name, packed) \
    type name(const buffer *it) { return alive(it, BUFFER, #name) ? (type)(packed) : 0; }
#define PLANE_GETTER(name, planar) \
    size_t name(const buffer *it, size_t p) { return alive(it, BUFFER, #name) && p < it->planes ? (planar) : 0; }

GETTER(size_t, CVPixelBufferGetBytesPerRow, it->stride[0])
GETTER(size_t, CVPixelBufferGetWidth, it->width)
GETTER(size_t, CVPixelBufferGetHeight, it->height)
GETTER(size_t, CVPixelBufferGetPlaneCount, fault("no_chroma_plane") ? 0 : it->planes)
GETTER(uint32_t, CVPixelBufferGetPixelFormatType, it->format)
GETTER(void *, CVPixelBufferGetIOSurface, it->iosurface && !fault("no_iosurface") ? it->memory : NULL)
PLANE_GETTER(CVPixelBufferGetBytesPerRowOfPlane, it->stride[p])
PLANE_GETTER(CVPixelBufferGetWidthOfPlane, fault("small_planes") ? it->samples[p] / 2 : it->samples[p])
PLANE_GETTER(CVPixelBufferGetHeightOfPlane, it->rows[p])

void CVBufferSetAttachment(buffer *it, object *key, object *value, uint32_t mode) {
    pthread_mutex_lock(&standin_lock);
    if (mode > 1) violation("CVBufferSetAttachment: mode %u", mode);
    if (alive(it, BUFFER, "CVBufferSetAttachment") && alive(key, STRING, "CVBufferSetAttachment") &&
        alive(value, STRING, "CVBufferSetAttachment")) {
        int i = 0;
        while (i < it->attached && it->attachments[i].key != key) i++;
        if (i < it->attached) count("released", 1);
        else if (i < 16) it->attached++;
        else abort();
        it->attachments[i] = (attachment){key, value, 0};
        retain(value);
    }
    pthread_mutex_unlock(&standin_lock);
}

void *CVBufferGetAttachment(buffer *it, const object *key, uint32_t *mode) {
    if (!alive(it, BUFFER, "CVBufferGetAttachment")) return NULL;
    if (mode) *mode = 1;
    for (int i = 0; i < it->attached; i++)
        if (it->attachments[i].key == key) return it->attachments[i].value;
    return NULL;
}
