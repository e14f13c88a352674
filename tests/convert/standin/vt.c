/* VideoToolbox: the pixel transfer session, for pictures of one size.
 *
 * Code values are computed in double precision from the definitions (ITU-R BT.601-7, BT.709-6) and rounded once. Like
 * the real one it decimates chroma and uses BT.601 unless it is told otherwise, so that a property that was not set
 * shows in the pixels.
 */
#include "standin.h"

#include <stdlib.h>
#include <unistd.h>

CONSTANT_STRING(kVTPixelTransferPropertyKey_DestinationYCbCrMatrix);
CONSTANT_STRING(kVTPixelTransferPropertyKey_DownsamplingMode);
CONSTANT_STRING(kVTDownsamplingMode_Average);
#ifndef STANDIN_WITHOUT_REALTIME
CONSTANT_STRING(kVTPixelTransferPropertyKey_RealTime);
#endif
extern object *const kCFBooleanFalse;

int32_t VTPixelTransferSessionCreate(const void *allocator, session **out) {
    int32_t status;
    (void)allocator;
    if (injected("VTPixelTransferSessionCreate", &status)) {
        *out = NULL;
        return status;
    }
    pthread_mutex_lock(&standin_lock);
    *out = (session *)make(SESSION, sizeof **out);
    count("sessions_made", 1);
    pthread_mutex_unlock(&standin_lock);
    return 0;
}

void VTPixelTransferSessionInvalidate(session *it) {
    pthread_mutex_lock(&standin_lock);
    if (alive(it, SESSION, "VTPixelTransferSessionInvalidate")) {
        if (it->invalid) violation("VTPixelTransferSessionInvalidate: twice");
        it->invalid = 1;
    }
    pthread_mutex_unlock(&standin_lock);
}

void end_session(session *it) {
    if (!it->invalid) violation("a session was released without being invalidated");
}

int32_t VTSessionSetProperty(session *it, object *key, object *value) {
    int32_t status;
    if (injected("VTSessionSetProperty", &status)) return status;
    if (!alive(it, SESSION, "VTSessionSetProperty") || it->invalid) return -12903;
    if (key == kVTPixelTransferPropertyKey_DestinationYCbCrMatrix) it->matrix = value;
    else if (key == kVTPixelTransferPropertyKey_DownsamplingMode) {
        if (fault("no_average")) return -12900;
        it->downsampling = value;
#ifndef STANDIN_WITHOUT_REALTIME
    } else if (key == kVTPixelTransferPropertyKey_RealTime) {
        if (value != kCFBooleanFalse) violation("VTSessionSetProperty: RealTime is not false");
#endif
    } else {
        return -12900;
    }
    return 0;
}

/* --- colour --------------------------------------------------------------------------------------------------------- */

typedef struct {
    double y, cb, cr;
} ycc;

static const double KR[2] = {0.2126, 0.299}, KB[2] = {0.0722, 0.114}; /* 0: BT.709, 1: BT.601 */

static ycc from_rgb(double r, double g, double b, int m) {
    double y = KR[m] * r + (1 - KR[m] - KB[m]) * g + KB[m] * b;
    return (ycc){y, (b - y) / (2 * (1 - KB[m])), (r - y) / (2 * (1 - KR[m]))};
}

static ycc rematrix(ycc v, int from, int to) {
    if (from == to) return v;
    double r = v.y + 2 * (1 - KR[from]) * v.cr, b = v.y + 2 * (1 - KB[from]) * v.cb;
    return from_rgb(r, (v.y - KR[from] * r - KB[from] * b) / (1 - KR[from] - KB[from]), b, to);
}

static uint8_t code(double v) { return v < 0 ? 0 : v > 254.5 ? 255 : (uint8_t)(v + 0.5); }

static ycc pixel(const buffer *it, size_t x, size_t y, int from, int to) {
    const uint8_t *row = it->base[0] + y * it->stride[0], *at = row + 4 * x;
    int r = 2, g = 1, b = 0;
    switch (it->format) {
    case ARGB: r = 1, g = 2, b = 3; break;
    case RGBA: if (fault("rgba") != 2) r = 0, b = 2; break;
    case BGRA: if (fault("swapped")) r = 0, b = 2; break;
    default: {
        const uint8_t *pair = row + x / 2 * 4;
        int luma = it->format == TWO_VUY, chroma = !luma;
        ycc v = {(pair[luma + 2 * (x & 1)] - 16) / 219.0, (pair[chroma] - 128) / 224.0, (pair[chroma + 2] - 128) / 224.0};
        return rematrix(v, from, to);
    }
    }
    return from_rgb(at[r] / 255.0, at[g] / 255.0, at[b] / 255.0, to);
}

static void convert(const buffer *from, buffer *to, int source_matrix, int matrix, int average) {
    int full = fault("full_range");
    for (size_t y = 0; y < to->height; y += 2) {
        for (size_t x = 0; x < to->width; x += 2) {
            double cb = 0, cr = 0;
            for (size_t i = 0; i < 4; i++) {
                size_t px = x + (i & 1), py = y + i / 2;
                ycc v = pixel(from, px, py, source_matrix, matrix);
                to->base[0][py * to->stride[0] + px] = code(full ? 255 * v.y : 16 + 219 * v.y);
                if (average || !i) cb += v.cb, cr += v.cr;
            }
            uint8_t *at = to->base[1] + y / 2 * to->stride[1] + x;
            double scale = (full ? 255 : 224) / (average ? 4.0 : 1.0);
            at[0] = code(128 + scale * cb);
            at[1] = code(128 + scale * cr);
        }
    }
}

static object *attached(const buffer *it, const object *key) {
    for (int i = 0; i < it->attached; i++)
        if (it->attachments[i].key == key) return it->attachments[i].value;
    return NULL;
}

static void describe(buffer *it, object *key, object *value) {
    it->attachments[it->attached++] = (attachment){key, value, 1};
    retain(value);
}

static int32_t transfer(session *by, buffer *from, buffer *to) {
    int32_t status;
    const char *name = "VTPixelTransferSessionTransferImage";
    if (!alive(by, SESSION, name) || !alive(from, BUFFER, name) || !alive(to, BUFFER, name)) return -12902;
    count("transfer", 1);
    if (fault("slow")) usleep(1000 * (unsigned)fault("slow"));
    if (by->invalid) {
        violation("%s: the session was invalidated", name);
        return -12903;
    }
    if (from->read_locks + from->write_locks + to->read_locks + to->write_locks)
        violation("%s: a buffer is locked for the CPU", name);
    for (int i = 0; i < to->attached; i++)
        if (!to->attachments[i].by_system) violation("%s: attachments on the destination", name);
    if (!attached(from, kCVImageBufferColorPrimariesKey) || !attached(from, kCVImageBufferTransferFunctionKey))
        violation("%s: the source has no colour attached", name);
    if (injected(name, &status)) return status;
    if (from->width != to->width || from->height != to->height || (to->width | to->height) & 1)
        violation("%s: %zux%zu to %zux%zu", name, from->width, from->height, to->width, to->height);
    if (to->format != NV12 || from->format == NV12) return -12905;
    if (!from->memory && fault("no_wrapped")) return fault("no_wrapped");
    if (from->format == RGBA && !fault("rgba")) return -12905;
    object *matrix = attached(from, kCVImageBufferYCbCrMatrixKey);
    if ((from->format == YUVS || from->format == TWO_VUY) && !matrix) return -12917;
    int to_709 = by->matrix == kCVImageBufferYCbCrMatrix_ITU_R_709_2 && !fault("ignore_matrix");
    int from_601 = matrix == kCVImageBufferYCbCrMatrix_ITU_R_601_4;
    convert(from, to, from_601, !to_709, by->downsampling == kVTDownsamplingMode_Average);
    for (; to->attached; to->attached--) count("released", 1);
    object *location = attached(from, kCVImageBufferChromaLocationTopFieldKey);
    describe(to, kCVImageBufferYCbCrMatrixKey,
             to_709 ? kCVImageBufferYCbCrMatrix_ITU_R_709_2 : kCVImageBufferYCbCrMatrix_ITU_R_601_4);
    describe(to, kCVImageBufferColorPrimariesKey, kCVImageBufferColorPrimaries_ITU_R_709_2);
    describe(to, kCVImageBufferTransferFunctionKey, kCVImageBufferTransferFunction_ITU_R_709_2);
    describe(to, kCVImageBufferChromaLocationTopFieldKey, location ? location : kCVImageBufferChromaLocation_Center);
    if (!from->memory) {
        from->sum = checksum(from);
        from->summed = 1;
    }
    return 0;
}

#ifndef STANDIN_WITHOUT_TRANSFER
int32_t VTPixelTransferSessionTransferImage(session *by, buffer *from, buffer *to) {
    pthread_mutex_lock(&standin_lock);
    int busy = alive(by, SESSION, "VTPixelTransferSessionTransferImage") && by->busy;
    if (busy) violation("VTPixelTransferSessionTransferImage: two threads in one session");
    else if (by) by->busy = 1;
    pthread_mutex_unlock(&standin_lock);
    /* Outside the lock: sessions of several workers convert at the same time. */
    int32_t status = transfer(by, from, to);
    pthread_mutex_lock(&standin_lock);
    if (!busy && by) by->busy = 0;
    pthread_mutex_unlock(&standin_lock);
    return status;
}
#endif
