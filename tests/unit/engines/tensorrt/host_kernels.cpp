// The CUDA source as C++: the same arithmetic, run thread by thread on the CPU.
#include <cmath>
#define TVRADAR_HOST
#define KERNEL static void
#define DEVICE static inline
static int thread_x, thread_y, thread_z;
#define THREAD_X thread_x
#define THREAD_Y thread_y
#define THREAD_Z thread_z
#include "preprocess.cu"

#define HOST(kernel, Parameters)                                                          \
    extern "C" int size_##kernel() { return (int)sizeof(Parameters); }                    \
    extern "C" void run_##kernel(const Parameters* p, int width, int height, int depth) { \
        for (thread_z = 0; thread_z < depth; ++thread_z)                                  \
            for (thread_y = 0; thread_y < height; ++thread_y)                             \
                for (thread_x = 0; thread_x < width; ++thread_x) kernel(*p);              \
    }
HOST(letterbox, Letterbox)
HOST(warp_faces, WarpFaces)
HOST(nv12_to_bgr, Convert)
HOST(yuv422_to_bgr, Convert)
