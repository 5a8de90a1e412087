// libcuda of host memory: enough of the CUDA driver for engines/tensorrt/cuda_python_device.py.
// Work runs at once, or is recorded while its stream captures. It refuses
// what CUDA refuses (no context, unknown handles, allocation or waiting while a stream captures),
// and counts what is alive.
#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

typedef int R;
enum { OK = 0, INVALID = 1, NO_CONTEXT = 201, BAD_HANDLE = 400, CAPTURING = 900 };
typedef std::vector<std::function<void()>> Work;

struct Stream { int priority; Work* recording; };

static bool initialized = false;
static thread_local void* current = nullptr;  // as in CUDA: a thread has to set its context
static char context_object;
static std::set<void*> device_memory, pinned_memory, streams, graphs, executables;
static int retained = 0, capturing = 0;

static bool known(const std::set<void*>& set, void* handle) { return set.count(handle) > 0; }

static R enqueue(void* handle, std::function<void()> work) {
    if (!current) return NO_CONTEXT;
    if (!known(streams, handle)) return BAD_HANDLE;
    Stream* stream = (Stream*)handle;
    if (stream->recording) stream->recording->push_back(work);
    else work();
    return OK;
}

template <class T> static void release(std::set<void*>& set, void* handle) {
    set.erase(handle);
    delete (T*)handle;
}

#define API extern "C" __attribute__((visibility("default"))) R
#define NEEDS_CONTEXT if (!current) return NO_CONTEXT

extern "C" int host_driver_alive() {
    return (int)(device_memory.size() + pinned_memory.size() + streams.size() + graphs.size() +
                 executables.size()) + retained;
}
// Lets the TensorRT of host memory put its work into a stream.
extern "C" int host_driver_enqueue(void* stream, void (*work)()) { return enqueue(stream, work); }
extern "C" int host_driver_priority(void* stream) { return ((Stream*)stream)->priority; }

API cuInit(unsigned) { initialized = true; return OK; }
API cuDriverGetVersion(int* v) { *v = 13000; return OK; }
API cuDeviceGet(int* device, int ordinal) {
    if (!initialized) return 3;
    *device = ordinal;
    return ordinal == 0 ? OK : 101;
}
API cuDeviceGetName(char* name, int length, int) { strncpy(name, "Host", length); return OK; }
API cuDeviceGetAttribute(int* value, int attribute, int) {
    *value = attribute == 75 ? 8 : (attribute == 76 ? 7 : 0);
    return OK;
}
API cuDevicePrimaryCtxRetain(void** context, int) { ++retained; *context = &context_object; return OK; }
API cuDevicePrimaryCtxRelease_v2(int) { --retained; current = nullptr; return OK; }
API cuCtxSetCurrent(void* context) { current = context; return OK; }
API cuCtxSynchronize() { NEEDS_CONTEXT; return capturing ? CAPTURING : OK; }
API cuCtxGetStreamPriorityRange(int* least, int* greatest) { *least = 0; *greatest = -5; return OK; }
API cuMemGetInfo_v2(size_t* free, size_t* total) { *free = 1 << 30; *total = 2u << 30; return OK; }

API cuStreamCreateWithPriority(void** stream, unsigned, int priority) {
    NEEDS_CONTEXT;
    streams.insert(*stream = new Stream{priority, nullptr});
    return OK;
}
API cuStreamDestroy_v2(void* stream) {
    if (!known(streams, stream)) return BAD_HANDLE;
    release<Stream>(streams, stream);
    return OK;
}
API cuStreamSynchronize(void* stream) {
    if (!known(streams, stream)) return BAD_HANDLE;
    return ((Stream*)stream)->recording ? CAPTURING : OK;
}
API cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    NEEDS_CONTEXT;
    if (capturing) return CAPTURING;
    void* memory = malloc(bytes);
    memset(memory, 0xA5, bytes);  // not zeroed, as on a GPU
    device_memory.insert(memory);
    *address = (uint64_t)memory;
    return OK;
}
API cuMemFree_v2(uint64_t address) {
    if (!device_memory.erase((void*)address)) return INVALID;
    free((void*)address);
    return OK;
}
API cuMemsetD8_v2(uint64_t address, unsigned char value, size_t bytes) {
    if (!known(device_memory, (void*)address)) return INVALID;
    memset((void*)address, value, bytes);
    return OK;
}
API cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
    NEEDS_CONTEXT;
    pinned_memory.insert(*memory = malloc(bytes));
    return OK;
}
API cuMemFreeHost(void* memory) {
    if (!pinned_memory.erase(memory)) return INVALID;
    free(memory);
    return OK;
}
API cuMemcpyHtoDAsync_v2(uint64_t target, const void* source, size_t bytes, void* stream) {
    return enqueue(stream, [=] { memcpy((void*)target, source, bytes); });
}
API cuMemcpyDtoHAsync_v2(void* target, uint64_t source, size_t bytes, void* stream) {
    return enqueue(stream, [=] { memcpy(target, (void*)source, bytes); });
}

API cuStreamBeginCapture_v2(void* stream, int) {
    if (!known(streams, stream)) return BAD_HANDLE;
    ((Stream*)stream)->recording = new Work();
    ++capturing;
    return OK;
}
API cuStreamEndCapture(void* stream, void** graph) {
    graphs.insert(*graph = ((Stream*)stream)->recording);
    ((Stream*)stream)->recording = nullptr;
    --capturing;
    return OK;
}
API cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
    if (!known(graphs, graph)) return BAD_HANDLE;
    executables.insert(*executable = new Work(*(Work*)graph));
    return OK;
}
API cuGraphDestroy(void* graph) { release<Work>(graphs, graph); return OK; }
API cuGraphExecDestroy(void* executable) {
    if (!known(executables, executable)) return BAD_HANDLE;
    release<Work>(executables, executable);
    return OK;
}
API cuGraphLaunch(void* executable, void* stream) {
    if (!known(executables, executable)) return BAD_HANDLE;
    return enqueue(stream, [=] { for (auto& work : *(Work*)executable) work(); });
}
API cuGetProcAddress_v2(const char* symbol, void** function, int, uint64_t, int* status) {
    Dl_info self;
    dladdr((void*)&cuGetProcAddress_v2, &self);
    void* library = dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    *function = nullptr;
    for (const char* ending : {"_v2", "WithFlags", ""}) {
        std::string name = std::string(symbol) + ending;
        if (!*function) *function = dlsym(library, name.c_str());
    }
    if (status) *status = *function ? 0 : 1;
    return *function ? OK : 500;
}
