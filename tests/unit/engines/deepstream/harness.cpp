// Calls what DeepStream would call, from Python.
#include <cmath>
#include <cstring>

#include "face_alignment.h"
#include "nvdsinfer_custom_impl.h"

#define TVRADAR_HOST
#define KERNEL static void
#define DEVICE static inline
static int thread_x, thread_y, thread_z;
#define THREAD_X thread_x
#define THREAD_Y thread_y
#define THREAD_Z thread_z
#include "warp_faces.cu"

extern "C" bool NvDsInferParseYuNet(std::vector<NvDsInferLayerInfo> const&,
                                    NvDsInferNetworkInfo const&,
                                    NvDsInferParseDetectionParams const&,
                                    std::vector<NvDsInferInstanceMaskInfo>&);

// rows: float32 (most, 15): left, top, width, height, score, ten shares. Returns how many, or -1.
extern "C" int parse(int layers, const char** names, float** buffers, int width, int height,
                     float min_score, float* rows, int most) {
    std::vector<NvDsInferLayerInfo> given(layers);
    for (int i = 0; i < layers; ++i) {
        std::memset(&given[i], 0, sizeof given[i]);
        given[i].layerName = names[i];
        given[i].buffer = buffers[i];
    }
    NvDsInferNetworkInfo network{(unsigned)width, (unsigned)height, 3};
    NvDsInferParseDetectionParams params{1, {min_score}, {0.0f}};
    std::vector<NvDsInferInstanceMaskInfo> found;
    if (!NvDsInferParseYuNet(given, network, params, found)) return -1;
    for (int i = 0; i < (int)found.size() && i < most; ++i) {
        float* row = rows + 15 * i;
        row[0] = found[i].left, row[1] = found[i].top;
        row[2] = found[i].width, row[3] = found[i].height;
        row[4] = found[i].detectionConfidence;
        if (found[i].mask_size != 10 * sizeof(float)) return -2;
        std::memcpy(row + 5, found[i].mask, found[i].mask_size);
        delete[] found[i].mask;
    }
    return (int)found.size();
}

extern "C" bool inverse_of(const double* points, float* inverse) {
    return tvradar::chip_to_frame(points, inverse);
}

// pixels: uint8 (height, width, 4), RGBA; inverses: float32 (faces, 6); target: float32 (faces, 3, side, side).
extern "C" void warp(const byte* pixels, int width, int height, const float* inverses, int faces,
                     int side, int blue_first, float* target) {
    Image source{(word)pixels, width, height, 4 * width, 4, 2, 0};
    WarpFaces p{source, (word)target, (word)inverses, faces, side, blue_first, 0};
    for (thread_z = 0; thread_z < faces; ++thread_z)
        for (thread_y = 0; thread_y < side; ++thread_y)
            for (thread_x = 0; thread_x < side; ++thread_x) warp_faces(p);
}
