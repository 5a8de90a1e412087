// What DeepStream's header of this name declares, as far as the parser uses it.
#pragma once
#include <vector>
enum NvDsInferDataType { FLOAT, HALF, INT8, INT32 };
struct NvDsInferDims { unsigned int numDims; int d[8]; unsigned int numElements; };
struct NvDsInferLayerInfo {
    NvDsInferDataType dataType;
    union { NvDsInferDims inferDims; NvDsInferDims dims; };
    int bindingIndex;
    const char* layerName;
    void* buffer;
    int isInput;
};
struct NvDsInferNetworkInfo { unsigned int width, height, channels; };
struct NvDsInferParseDetectionParams {
    unsigned int numClassesConfigured;
    std::vector<float> perClassPreclusterThreshold, perClassPostclusterThreshold;
};
struct NvDsInferInstanceMaskInfo {
    unsigned int classId;
    float left, top, width, height, detectionConfidence;
    float* mask;
    unsigned int mask_width, mask_height, mask_size;
};
typedef bool (*NvDsInferInstanceMaskParseCustomFunc)(
    std::vector<NvDsInferLayerInfo> const&, NvDsInferNetworkInfo const&,
    NvDsInferParseDetectionParams const&, std::vector<NvDsInferInstanceMaskInfo>&);
#define CHECK_CUSTOM_INSTANCE_MASK_PARSE_FUNC_PROTOTYPE(f) \
    static NvDsInferInstanceMaskParseCustomFunc checked_##f = f
