// Calls what DeepStream would call, from Python.
#include <cstring>

#include "face_alignment.h"
#include "nvdsinfer_custom_impl.h"

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
