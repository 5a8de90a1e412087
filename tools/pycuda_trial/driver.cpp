// The driver of host memory with what pycuda calls beyond cuda-python: a stack of contexts, and
// streams by their older names.
#include "host_driver.cpp"

static thread_local std::vector<void*> stack;

API cuCtxPushCurrent_v2(void* context) {
    stack.push_back(context);
    return cuCtxSetCurrent(context);
}
API cuCtxPopCurrent_v2(void** context) {
    if (stack.empty()) return NO_CONTEXT;
    *context = stack.back();
    stack.pop_back();
    return cuCtxSetCurrent(stack.empty() ? nullptr : stack.back());
}
API cuCtxGetDevice(int* device) { NEEDS_CONTEXT; *device = 0; return OK; }
API cuCtxGetApiVersion(void*, unsigned* version) { *version = 3020; return OK; }
API cuStreamCreate(void** stream, unsigned flags) {
    return cuStreamCreateWithPriority(stream, flags, 0);
}
API cuDeviceComputeCapability(int* major, int* minor, int) { *major = 8, *minor = 7; return OK; }
API cuGetErrorString(R, const char** text) { *text = "of the host driver"; return OK; }
