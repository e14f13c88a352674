/* CoreFoundation: objects with reference counts, numbers, dictionaries. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

static object false_object = {MAGIC, BOOLEAN, 1, 1, "false"};
object *const kCFBooleanFalse = &false_object;

/* Structures: a caller passes their address. */
const struct {
    long version;
    void *functions[5];
} kCFTypeDictionaryKeyCallBacks;
const struct {
    long version;
    void *functions[4];
} kCFTypeDictionaryValueCallBacks;

static const char *names[] = {"?", "string", "boolean", "number", "dictionary", "buffer", "pool", "session"};

object *make(enum kind kind, size_t size) {
    object *it = calloc(1, size);
    it->magic = MAGIC;
    it->kind = kind;
    it->count = 1;
    count(names[kind], 1);
    count("created", 1);
    return it;
}

int alive(const void *pointer, enum kind kind, const char *function) {
    const object *it = pointer;
    if (!it) {
        violation("%s: NULL instead of a %s", function, names[kind]);
        return 0;
    }
    if (it->magic != MAGIC || it->kind != kind) {
        violation("%s: not a %s", function, names[kind]);
        return 0;
    }
    if (it->count <= 0) {
        violation("%s: %s used after its release", function, names[kind]);
        return 0;
    }
    return 1;
}

void retain(object *it) {
    if (!it->constant) it->count++;
    count("retained", 1);
}

int let_go(object *it, const char *function) {
    if (!it || it->magic != MAGIC) {
        violation("%s: %s", function, it ? "not an object" : "NULL");
        return 0;
    }
    if (it->constant) {
        violation("%s: a borrowed constant (%s)", function, it->text);
        return 0;
    }
    if (it->count <= 0) {
        violation("%s: %s released twice", function, names[it->kind]);
        return 0;
    }
    count("released", 1);
    if (--it->count) return 0;
    count(names[it->kind], -1);
    return 1;
}

/* As let_go, for references that the stand-in took itself. */
static void give_back(object *it) {
    count("released", 1);
    if (it->constant || --it->count) return;
    count(names[it->kind], -1);
}

static void end_dictionary(dictionary *it) {
    for (long i = 0; it->retains && i < it->count; i++) {
        give_back(it->keys[i]);
        give_back(it->values[i]);
    }
}

void CFRelease(void *pointer) {
    object *it = pointer;
    pthread_mutex_lock(&standin_lock);
    int last = let_go(it, "CFRelease");
    if (last && it->kind == DICTIONARY) end_dictionary(pointer);
    if (last && it->kind == SESSION) end_session(pointer);
    if (last && it->kind == BUFFER) end_buffer(pointer);
    if (last && it->kind == POOL) end_pool(pointer);
    pthread_mutex_unlock(&standin_lock);
}

void *CFNumberCreate(const void *allocator, long type, const void *value) {
    int32_t status;
    (void)allocator;
    if (injected("CFNumberCreate", &status)) return NULL;
    if (type != 3) violation("CFNumberCreate: type %ld", type);
    pthread_mutex_lock(&standin_lock);
    number *it = (number *)make(NUMBER, sizeof *it);
    memcpy(&it->value, value, sizeof it->value);
    pthread_mutex_unlock(&standin_lock);
    return it;
}

void *CFDictionaryCreate(
    const void *allocator, void *const *keys, void *const *values, long n, const void *key_calls, const void *value_calls) {
    int32_t status;
    (void)allocator;
    if (injected("CFDictionaryCreate", &status)) return NULL;
    if (key_calls != &kCFTypeDictionaryKeyCallBacks || value_calls != &kCFTypeDictionaryValueCallBacks)
        violation("CFDictionaryCreate: other callbacks, so nothing is retained");
    pthread_mutex_lock(&standin_lock);
    dictionary *it = (dictionary *)make(DICTIONARY, sizeof *it);
    it->count = n;
    it->retains = 1;
    it->keys = calloc((size_t)n + 1, sizeof(void *));
    it->values = calloc((size_t)n + 1, sizeof(void *));
    for (long i = 0; i < n; i++) {
        it->keys[i] = keys[i];
        it->values[i] = values[i];
        if (alive(keys[i], STRING, "CFDictionaryCreate") && values[i]) {
            retain(it->keys[i]);
            retain(it->values[i]);
        }
    }
    pthread_mutex_unlock(&standin_lock);
    return it;
}

const void *value_of(const void *pointer, const object *key) {
    const dictionary *it = pointer;
    if (!it || !alive(it, DICTIONARY, "a dictionary's reader")) return NULL;
    for (long i = 0; i < it->count; i++)
        if (it->keys[i] == key) return it->values[i];
    return NULL;
}

unsigned char CFStringGetCString(const void *pointer, char *to, long size, uint32_t encoding) {
    const object *it = pointer;
    if (!alive(it, STRING, "CFStringGetCString")) return 0;
    if (encoding != 0x08000100) violation("CFStringGetCString: encoding %u", encoding);
    if ((long)strlen(it->text) >= size) return 0;
    strcpy(to, it->text);
    return 1;
}
